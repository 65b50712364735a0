#!/usr/bin/env bash
# Concert beside what one would write instead, by turns, on the same frames and
# with the same receiver; prints one row for each. Losses are printed, too.
#
#     benches/versus.sh [POLICY] [SECONDS] [HZ]
#
# CONCERT is the program (default: concert); Python needs eclipse-zenoh, onnxruntime,
# numpy and pillow. Readouts that are geometry have no rival: policies without them.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
policy="${1:-first_light}" seconds="${2:-20}" rate="${3:-10}"

row='
import json, sys

report = json.load(sys.stdin)
name = sys.argv[1]
if "comparisons" not in report:
    print("|", name, "| failed:", report.get("error") or report.get("fault"), "|")
    sys.exit(1)


def print_row(what, a, b, ratio="", interval=""):
    print("|", " | ".join([name, what, a, b, ratio, interval]), "|")


def ms(value):
    return "%.2f" % value


for one in report["comparisons"]:
    (a, b), (low, high) = one["medians_millis"], one["interval"]
    print_row(one["what"], ms(a), ms(b), ms(b / a), "%.2f to %.2f" % (1 / high, 1 / low))
sides = report["sides"]
a, b = (side["to_last_output"]["p99_millis"] for side in sides)
print_row("p99 to the last output", ms(a), ms(b), ms(b / a) if a else "")
print_row("frames with outputs", *("%d of %d" % (s["with_outputs"], s["sent"]) for s in sides))
if report["fault"]:
    print_row("failed: " + report["fault"].replace("\n", " "), "", "")
'

echo "| rival | ms | Concert | rival | rival / Concert | 95 % of samples |"
echo "|---|---|---|---|---|---|"
while read -r name flags; do
    # shellcheck disable=SC2086
    "${CONCERT:-concert}" bench "$policy" --rate "$rate" --seconds "$seconds" --json --quiet \
        --compare-program "python3 $here/rivals/python_loop.py $flags" |
        python3 -c "$row" "${name//_/ }" || true
done << 'RIVALS'
Python_loop,_default_pools --pool default
Python_loop,_quiet_pools --pool quiet
a_network_for_each_output --pool quiet --separate
a_process_for_each_stage --pool quiet --processes
RIVALS
