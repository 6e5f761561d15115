#!/usr/bin/python3
"""Asks a running appliance what AWS itself was once asked, and compares the answers member by member with those that
were recorded of AWS.

    recorded.py                      by signed HTTPS; AWS_* say where and as whom
    recorded.py --door native --coffer PROGRAM
                                     by the command; COFFER_* say where the daemon is
    recorded.py --recordings FILE    where they are; by default ../shared/aws/recorded-responses.json beside the project
    recorded.py --only TEXT          recordings whose name has TEXT; --list names them all, with what is skipped

The requests are in recorded/*.json, together with what is skipped and why (README.md). The recordings are not part of
the project. Exit code 0 when every answer is as recorded, 1 when not, 2 for bad usage, 77 when there are no recordings.
"""

import argparse
import base64
import concurrent.futures
import itertools
import json
import pathlib
import re
import sys

import comparison
import doors

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent

# A rotation function of the appliance's configuration that is content with any value.
ROTATION_FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:recorded"

# Recordings at a time.
WORKERS = 4

# The account that the recordings name, and what their placeholders stand for.
RECORDED_ACCOUNT = "111111111111"
PLACEHOLDER = re.compile(r"<[A-Za-z_-]+(?:-\d+idx|:\d+)?>|" + RECORDED_ACCOUNT)
FORMS = [
    ("<partition>", r"aws"),
    ("<region>", r"[a-z]{2}-[a-z]+-\d"),
    (RECORDED_ACCOUNT, r"\d{12}"),
    ("<ArnPart-", r"-[A-Za-z0-9]{6}"),
    ("<secret-version:", r"[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}"),
    ("<lambda-arn:", r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+"),
]


class Placeholders:
    """What the placeholders of one recording stand for here: the same each time, and no two of a kind the same."""

    def __init__(self, variables, moment):
        """`moment` is the pattern of a time at the door that is asked."""
        self.moment = moment
        self.values = {}
        for i in range(1, 10):
            self.values[f"<version_uuid:{i}>"] = self.values[f"<uuid:{i}>"] = variables[f"token{i}"]
        for i, name in enumerate(["name", "name1", "name2"]):
            self.values[f"<SecretId-{i}idx>"] = variables[name]
        self.values["<name:1>"] = variables["name"]
        self.values["<version-id>"] = variables["token9"]

    def filled_in(self, text):
        return PLACEHOLDER.sub(lambda found: self.values.get(found.group(), found.group()), text)

    def learn(self, recorded, actual):
        """Takes what is not known yet from an answer, where that has the form which the recording has."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for name in recorded:
                self.learn(recorded[name], actual.get(self.filled_in(name)))
        elif isinstance(recorded, list) and isinstance(actual, list):
            for one, other in zip(recorded, actual):
                self.learn(one, other)
        elif isinstance(recorded, str) and isinstance(actual, str):
            self.learn_text(recorded, actual)

    def learn_text(self, recorded, actual):
        pattern, at, unknown = "", 0, []
        for found in PLACEHOLDER.finditer(recorded):
            pattern += re.escape(recorded[at:found.start()])
            at = found.end()
            if found.group() in self.values:
                pattern += re.escape(self.values[found.group()])
            else:
                pattern += "(" + form(found.group()) + ")"
                unknown.append(found.group())
        match = re.fullmatch(pattern + re.escape(recorded[at:]), actual) if unknown else None
        if not match:
            return
        for placeholder, value in zip(unknown, match.groups()):
            if not any(known == value and kind(other) == kind(placeholder) for other, known in self.values.items()):
                self.values[placeholder] = value


def kind(placeholder):
    return re.sub(r"\d+", "", placeholder)


def form(placeholder):
    for beginning, pattern in FORMS:
        if placeholder.startswith(beginning):
            return pattern
    raise SystemExit(f"recorded.py: the placeholder {placeholder} is not known; say its form in FORMS")


def expected(recorded, placeholders):
    """A recorded answer in the language of the cases (README.md)."""
    if isinstance(recorded, dict):
        return {placeholders.filled_in(name): expected(value, placeholders) for name, value in recorded.items()}
    if isinstance(recorded, list):
        return [expected(value, placeholders) for value in recorded]
    if recorded == "datetime":
        return placeholders.moment
    return placeholders.filled_in(recorded) if isinstance(recorded, str) else recorded


def as_recorded(actual, recorded):
    """An answer as the recordings write it: a policy as the JSON that it is, bytes as Python shows them."""
    if isinstance(recorded, dict) and isinstance(actual, str):
        return json.loads(actual)
    if isinstance(recorded, str) and re.fullmatch(r"b(['\"]).*\1", recorded) and isinstance(actual, str):
        return repr(base64.b64decode(actual, validate=True))
    if isinstance(recorded, dict) and isinstance(actual, dict):
        return {name: as_recorded(value, recorded.get(name)) for name, value in actual.items()}
    return actual


FAILED = re.compile(r"An error occurred \((?P<code>\w+)\) when calling the \w+ operation: (?P<message>.*)", re.S)


def compare(recorded, answer, placeholders):
    """None when the answer is the recorded one, else what is not. Recordings have three forms: an answer as botocore
    reads it, an error as botocore words it, and the body of an error as it is."""
    if isinstance(recorded, str):
        error = FAILED.fullmatch(recorded).groupdict()
        placeholders.learn(error["message"], answer.message)
        return comparison.check({"fails": expected(error, placeholders)}, answer)
    if "Metadata" in recorded and answer.status is None:
        return comparison.check({"fails": {"code": recorded["Error"]["__type"], "message": recorded["Error"]["Message"]}},
                                answer)
    if "Metadata" in recorded:
        return (comparison.check({"fails": {"code": recorded["Error"]["__type"],
                                            "status": recorded["Metadata"]["StatusCode"]}}, answer)
                or comparison.difference(recorded["Error"], answer.body, "body"))
    status = recorded.get("ResponseMetadata", {}).get("HTTPStatusCode", 400 if "Error" in recorded else 200)
    if "Error" in recorded:
        error = {"code": recorded["Error"]["Code"], "message": recorded["Error"]["Message"], "status": status}
        wrong = comparison.check({"fails": expected(error, placeholders)}, answer)
        # An error that the service's model knows has a member Message; others may spell it as they like.
        if not wrong and "Message" in recorded and answer.body is not None:
            message = placeholders.filled_in(recorded["Message"])
            wrong = comparison.difference(message, answer.body.get("Message"), "Message")
        return wrong
    members = {name: value for name, value in recorded.items() if name != "ResponseMetadata"}
    if answer.code or answer.status not in (None, status):
        return f"the status is {answer.status} and not {status}: {answer}"
    placeholders.learn(members, answer.members)
    return comparison.difference(expected(members, placeholders), as_recorded(answer.members, members))


def run(door, sequence, name, answers):
    """What went wrong, as lines."""
    variables = comparison.fresh_variables()
    variables.update(name1=variables["name"] + "-1", name2=variables["name"] + "-2", rotation_function=ROTATION_FUNCTION)
    variables.update(sequence["recordings"][name])
    placeholders = Placeholders(variables, "<number>" if door.name == "aws" else "<moment>")
    compared = set()
    for number, step in enumerate(sequence["steps"], 1):
        request = comparison.filled_in(step["with"], variables)
        answer = doors.ask(door, step["call"], request, comparison.filled_in(step.get("until", {}), variables))
        where = f"step {number}, {step['call']} {comparison.shortened(request)}"
        for variable, path in step.get("keep", {}).items():
            variables[variable] = comparison.kept(answer, path)
        if "arn" in variables:
            variables["partial_arn"] = variables["arn"][:-len("-A1b2C3")]
        label = comparison.filled_in(step.get("recorded"), variables)
        if label is None:
            if answer.code:
                return [f"{where}:", f"    it failed: {answer}"]
            continue
        if label not in answers:
            return [f"{where}:", f"    the recording has no {label}"]
        compared.add(label)
        wrong = compare(answers[label], answer, placeholders)
        if wrong:
            return [f"{where}, recorded as {label}:", f"    {wrong}"]
    left = [label for label in answers if label not in compared]
    return [f"no request asks for {', '.join(left)}"] if left else []


def run_group(door, group):
    """The recordings' names with what went wrong."""
    return [(name, run(door, sequence, name, answers) if sequence else ["recorded/*.json has no requests for it"])
            for name, sequence, answers in group]


def load_sequences():
    """The sequences by the names of their recordings."""
    result = {}
    for file in sorted((HERE / "recorded").glob("*.json")):
        for sequence in json.loads(file.read_text(encoding="utf-8")):
            for name in sequence["recordings"]:
                if name in result:
                    raise SystemExit(f"recorded.py: {name} is there twice")
                result[name] = sequence
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--door", choices=["native", "aws"], default="aws")
    parser.add_argument("--coffer", default="coffer", metavar="PROGRAM")
    parser.add_argument("--recordings", type=pathlib.Path, metavar="FILE",
                        default=PROJECT.parent / "shared" / "aws" / "recorded-responses.json")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if not options.recordings.is_file():
        print(f"There are no recordings of AWS's answers in {options.recordings}; say where with --recordings FILE.")
        return 77
    recordings = {name.rsplit("::", 1)[-1]: recording["recorded-content"]
                  for name, recording in json.loads(options.recordings.read_text(encoding="utf-8")).items()
                  if options.only in name.rsplit("::", 1)[-1]}
    sequences = load_sequences()
    if options.list:
        for name in recordings:
            why = sequences.get(name, {}).get("skipped")
            print(f"{name}  skipped: {why}" if why else name)
        return 0
    door = doors.NativeDoor(options.coffer) if options.door == "native" else doors.AwsDoor()
    failures = skipped = unsaid = 0
    # Recordings of one name of a secret one after another, the others at the same time.
    groups = {}
    for name, answers in recordings.items():
        sequence = sequences.get(name)
        if sequence and "skipped" in sequence:
            skipped += 1
            continue
        if sequence and door.name not in sequence.get("doors", [door.name]):
            unsaid += 1
            continue
        secret = sequence["recordings"][name].get("name", name) if sequence else name
        groups.setdefault(secret, []).append((name, sequence, answers))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        outcomes = list(itertools.chain(*workers.map(lambda group: run_group(door, group), groups.values())))
    compared = len(outcomes)
    for name, wrong in outcomes:
        if wrong:
            failures += 1
            print(f"FAILED  {name}", *wrong, sep="\n    ")
    if not options.only:
        for name in set(sequences) - set(recordings):
            failures += 1
            print(f"FAILED  {name}\n    there is no such recording")
    print(f"{door.name}: {compared - failures} of {compared} recordings answered as AWS did; {skipped} more are skipped"
          + (f", {unsaid} cannot be asked through this door" if unsaid else ""))
    return 1 if failures or not recordings else 0


if __name__ == "__main__":
    sys.exit(main())
