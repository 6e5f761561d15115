#!/usr/bin/python3
"""Runs the cases of cases/*.json, sequences of requests with the answers that AWS Secrets Manager gives, through
a front door of a running appliance.

    run.py --door native --coffer PROGRAM     by the command; COFFER_* say where the daemon is
    run.py --door aws                         by signed HTTPS; AWS_* say where and as whom
    run.py ... --only TEXT                    cases whose name has TEXT; --list names them all

Exit code 0 when all answers are as expected, 1 when not, 2 for bad usage. The format is in README.md.
"""

import argparse
import json
import pathlib
import sys

import comparison
import doors

HERE = pathlib.Path(__file__).resolve().parent


def run_case(door, case):
    """What went wrong, as lines; the number of requests that were made."""
    variables = comparison.fresh_variables()
    made = 0
    for number, step in enumerate(case["steps"], 1):
        if door.name not in step.get("doors", [door.name]):
            continue
        step = {key: comparison.filled_in(value, variables) for key, value in step.items()}
        answer = door.call(step["call"], step["with"])
        made += 1
        wrong = comparison.check(step, answer)
        if wrong:
            return [f"step {number}, {step['call']} {comparison.shortened(step['with'])}:", f"    {wrong}"], made
        for name, path in step.get("keep", {}).items():
            variables[name] = comparison.kept(answer, path)
    return [], made


def load_cases():
    for file in sorted((HERE / "cases").glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            yield f"{file.stem}: {case['case']}", case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--door", choices=["native", "aws"], default="native")
    parser.add_argument("--coffer", default="coffer", metavar="PROGRAM")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    cases = [(name, case) for name, case in load_cases() if options.only in name]
    if options.list:
        print("\n".join(name for name, _ in cases))
        return 0
    door = doors.NativeDoor(options.coffer) if options.door == "native" else doors.AwsDoor()
    failures = requests = 0
    for name, case in cases:
        wrong, made = run_case(door, case)
        requests += made
        if wrong:
            failures += 1
            print(f"FAILED  {name}   ({case['because']})", *wrong, sep="\n    ")
    print(f"{door.name}: {len(cases) - failures} of {len(cases)} cases as AWS has them, {requests} requests")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
