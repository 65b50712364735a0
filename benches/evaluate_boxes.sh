#!/usr/bin/env bash
# Boxes of a readout, measured on simulated homes that it never saw: AP50 and recall of
# each class, and their means over classes, of objects of at least 12 px.
#
#     benches/evaluate_boxes.sh [READOUT [FOLDER]]
#
# Prints the JSON of `concert evaluate`. What ships learnt from homes of seeds 1000000 to
# 1999999; these are 200 frames of seeds 2000000 to 2000019 from 1.1 m above the floor,
# half of them on a tour of the home, half near a thing, a fridge or a door. They are
# written into FOLDER (a temporary one unless said) and kept there. Five minutes on two
# cores with `cargo build --release`; CONCERT names another program.
set -euo pipefail

here="$(cd "$(dirname "$0")/.." && pwd)"
concert="${CONCERT:-$here/target/release/concert}"
readout="${1:-object_detection_from_home_multi}"
folder="${2:-$(mktemp -d)}"

write() {
    [ -d "$folder/$1" ] || "$concert" --quiet apartment --write "$folder/$1" \
        --seeds 2000000..2000020 --frames 100 --fov 72 --height 1.1 "${@:2}" >&2
}
write tour --views tour
write things --views things --tilt=-20..-10

cd "$here"
"$concert" evaluate --json --data "$folder/tour" --data "$folder/things" --readout "$readout"
