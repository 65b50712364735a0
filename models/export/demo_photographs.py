"""Writes the photographs of the embedded demo into launch/photographs, with their attribution.

    python3 -m pip install --target TOOLS -r requirements.txt
    PYTHONPATH=TOOLS python3 models/export/demo_photographs.py

Only pictures whose authors gave them away: scikit-image's documentation of each says so.
(Its stereo pair "motorcycle" comes from a benchmark that states no licence, so it is not shipped.)
"""

from cards import MODELS
from photographs import photograph

FOLDER = MODELS.parent / "launch" / "photographs"
# file, what it shows, who made it, licence
PHOTOGRAPHS = [
    ("coffee.png", "A cup of espresso on a wooden table", "Rachel Michetti, courtesy of Pikolo Espresso Bar", "CC0"),
    ("chelsea.png", "Chelsea the cat", "Stefan van der Walt", "CC0"),
    ("rocket.jpg", "A Falcon 9 on its launch pad, DSCOVR mission", "SpaceX", "released into the public domain"),
    ("astronaut.png", "Eileen Collins, astronaut", "NASA", "public domain, no known copyright restrictions"),
]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = [
        "# The demo's photographs",
        "",
        "From the data folder of PyPI scikit-image 0.16.2, re-encoded as JPEG (quality 90) by",
        "`models/export/demo_photographs.py`. Authors and licences as documented there (`skimage/data/__init__.py`).",
        "The person and the companies shown do not endorse this project.",
        "",
        "| file | shows | author | licence | taken from |",
        "|---|---|---|---|---|",
    ]
    for entry, shows, author, licence in PHOTOGRAPHS:
        path = FOLDER / f"{entry.rsplit('.', 1)[0]}.jpg"
        photograph(entry).save(path, quality=90, optimize=True)
        lines.append(f"| `{path.name}` | {shows} | {author} | {licence} | `skimage/data/{entry}` |")
        print(f"{path.relative_to(MODELS.parent)}: {path.stat().st_size} bytes")
    (FOLDER / "ATTRIBUTION.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
