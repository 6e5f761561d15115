#!/usr/bin/python3
"""Runs the cases of cases/*.json, sequences of requests with the answers that AWS Secrets Manager gives, through
a front door of a running appliance.

    run.py --door native --coffer PROGRAM     by the command; COFFER_* say where the daemon is
    run.py --door aws                         by signed HTTPS; AWS_* say where and as whom
    run.py ... --prepared FILE                what prepare.py has made, for the cases that want it
    run.py ... --only TEXT                    cases whose name has TEXT; --list names them all

Exit code 0 when all answers are as expected, 1 when not, 2 for bad usage. The format is in README.md.
"""

import argparse
import concurrent.futures
import json
import pathlib
import sys

import comparison
import doors

HERE = pathlib.Path(__file__).resolve().parent


# Cases at a time. The time of a request is mostly the way to it: a program that starts, a handshake.
WORKERS = 4


class Outcome:
    """What came of a case: what went wrong, as lines; how many requests were made; in how many answers Coffer differed
    from AWS as the case says that it does."""

    def __init__(self):
        self.wrong, self.requests, self.differences = [], 0, 0


def asked(step, door):
    return door in step.get("doors", [door])


def run_case(door, case, prepared):
    outcome = Outcome()
    variables = {**comparison.fresh_variables(), **prepared}
    for number, step in enumerate(case["steps"], 1):
        if not asked(step, door.name):
            continue
        for turn in range(1, step.get("times", 1) + 1):
            variables["turn"] = str(turn)
            request = comparison.filled_in(step.get("with", {}), variables)
            how = {key: comparison.filled_in(step[name], variables)
                   for key, name in [("caller", "as"), ("signed", "signed")] if name in step}
            answer = doors.ask(door, step["call"], request, comparison.filled_in(step.get("until", {}), variables), **how)
            outcome.requests += 1
        step = comparison.filled_in(step, variables)
        wrong = comparison.check(step, answer)
        if "differs" in step:
            outcome.differences += 1
            wrong = comparison.check(step["differs"], answer) if wrong else \
                "it answers as AWS does: what is said under `differs` is not so any more"
        wrong = wrong or comparison.form_difference(answer)
        if wrong:
            outcome.wrong = [f"step {number}, {step['call']} {comparison.shortened(request)}:", f"    {wrong}"]
            break
        for name, path in step.get("keep", {}).items():
            variables[name] = comparison.kept(answer, path)
    return outcome


def load_cases():
    for file in sorted((HERE / "cases").glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            yield f"{file.stem}: {case['case']}", case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--door", choices=["native", "aws"], default="native")
    parser.add_argument("--coffer", default="coffer", metavar="PROGRAM")
    parser.add_argument("--prepared", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    cases = [(name, case) for name, case in load_cases() if options.only in name]
    if options.list:
        for name, case in cases:
            print(f"{name}  skipped: {case['skipped']}" if "skipped" in case else name)
        return 0
    skipped = sum("skipped" in case for _, case in cases)
    cases = [(name, case) for name, case in cases if "skipped" not in case]
    callers, prepared = {}, {}
    if options.prepared:
        made = json.loads(options.prepared.read_text(encoding="utf-8"))
        callers, prepared = made["callers"], made["variables"]
    cases = [(name, case) for name, case in cases if any(asked(step, options.door) for step in case["steps"])]
    runnable = [(name, case) for name, case in cases if options.prepared or not case.get("prepared")]
    unprepared = len(cases) - len(runnable)
    door = doors.NativeDoor(options.coffer, callers) if options.door == "native" else doors.AwsDoor(callers)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        outcomes = list(workers.map(lambda named: run_case(door, named[1], prepared), runnable))
    failures = 0
    for (name, case), outcome in zip(runnable, outcomes):
        if outcome.wrong:
            failures += 1
            print(f"FAILED  {name}   ({case['because']})", *outcome.wrong, sep="\n    ")
    print(f"{door.name}: {len(runnable) - failures} of {len(runnable)} cases as AWS has them, but for "
          f"{sum(outcome.differences for outcome in outcomes)} differences that are known; "
          f"{sum(outcome.requests for outcome in outcomes)} requests; {skipped} cases are skipped"
          + (f", {unprepared} more want --prepared" if unprepared else ""))
    return 1 if failures or not runnable else 0


if __name__ == "__main__":
    sys.exit(main())
