"""Writes the photograph that `concert draw` is shown with, and those that tests read, with their attribution.

    python3 -m pip install --target TOOLS -r requirements.txt
    PYTHONPATH=TOOLS python3 models/export/demo_photographs.py

Only pictures whose authors gave them away: scikit-image's documentation of each says so.
(Its stereo pair "motorcycle" comes from a benchmark that states no licence, so it is not shipped.)
"""

from cards import MODELS
from photographs import photograph

ROOT = MODELS.parent
# folder, file, what it shows, who made it, licence
PHOTOGRAPHS = [
    ("launch", "coffee.png", "A cup of espresso on a wooden table", "Rachel Michetti, courtesy of Pikolo Espresso Bar", "CC0"),
    ("tests", "chelsea.png", "Chelsea the cat", "Stefan van der Walt", "CC0"),
    ("tests", "rocket.jpg", "A Falcon 9 on its launch pad, DSCOVR mission", "SpaceX", "released into the public domain"),
    ("tests", "astronaut.png", "Eileen Collins, astronaut", "NASA", "public domain, no known copyright restrictions"),
]


def write(part: str) -> None:
    folder = ROOT / part / "photographs"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Photographs",
        "",
        "From the data folder of PyPI scikit-image 0.16.2, re-encoded as JPEG (quality 90) by",
        "`models/export/demo_photographs.py`. Authors and licences as documented there (`skimage/data/__init__.py`).",
        "The person and the companies shown do not endorse this project.",
        "",
        "| file | shows | author | licence | taken from |",
        "|---|---|---|---|---|",
    ]
    for where, entry, shows, author, licence in PHOTOGRAPHS:
        if where != part:
            continue
        path = folder / f"{entry.rsplit('.', 1)[0]}.jpg"
        photograph(entry).save(path, quality=90, optimize=True)
        lines.append(f"| `{path.name}` | {shows} | {author} | {licence} | `skimage/data/{entry}` |")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
    (folder / "ATTRIBUTION.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    for part in ("launch", "tests"):
        write(part)
