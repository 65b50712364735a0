#!/usr/bin/env python3
"""Asks a running server for a policy, knowing nothing of Concert but the key:
eclipse-zenoh and the standard library.

    ask_for_a_policy.py ENDPOINT PREFIX PROBLEM.json

Prints the answer, one JSON object. Exit code 0 where a policy came, else 1."""

import json
import sys

import zenoh


def main():
    endpoint, prefix, path = sys.argv[1:]
    config = zenoh.Config()
    config.insert_json5("mode", '"client"')
    config.insert_json5("connect/endpoints", json.dumps([endpoint]))
    config.insert_json5("scouting/multicast/enabled", "false")
    with open(path, encoding="utf-8") as file:
        problem = file.read()
    with zenoh.open(config) as session:
        for reply in session.get(f"{prefix}/control/solve", payload=problem, timeout=20.0):
            if reply.ok is None:
                continue
            answer = json.loads(reply.ok.payload.to_bytes())
            print(json.dumps(answer))
            sys.exit(0 if answer.get("policy") else 1)
    sys.exit(1)


if __name__ == "__main__":
    main()
