#!/usr/bin/python3
"""Runs the cases of cases/*.json, sequences of requests with the answers that AWS Secrets Manager gives, through
a front door of a running appliance.

    run.py --door native --coffer PROGRAM     by the command; COFFER_* say where the daemon is
    run.py --door aws                         by signed HTTPS; AWS_* say where and as whom
    run.py ... --only TEXT                    cases whose name has TEXT; --list names them all

Exit code 0 when all answers are as expected, 1 when not, 2 for bad usage. The format is in README.md.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent

PATTERNS = {
    "<arn>": r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-[A-Za-z0-9]{6}",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<text>": r"(?s).+",
}
# How long ago a <time> may be, and how far ahead one of a deletion, in seconds.
TIME_TOLERANCE = 600
DAY = 24 * 60 * 60


class Answer:
    """What came back: members of the response, or an error's code and message."""

    def __init__(self, members=None, code=None, message=None, status=None):
        self.members, self.code, self.message, self.status = members, code, message, status

    def __str__(self):
        if self.code:
            return f"{self.code}: {self.message}"
        return json.dumps(self.members, sort_keys=True)


class NativeDoor:
    """The protobuf protocol over mutual TLS, by the command `coffer`, with one request as JSON."""

    name = "native"
    failed = re.compile(
        r"An error occurred \((\w+)\) when calling the (\w+) operation: (.*?)(?:\nSecret: .*|\nHint: .*)*\s*$", re.S)

    def __init__(self, coffer):
        self.coffer = coffer

    def call(self, operation, request):
        verb = re.sub(r"(?<!^)(?=[A-Z])", "-", operation).lower()
        done = subprocess.run(
            [self.coffer, verb, "--cli-input-json", "file:///dev/stdin", "--output", "json", "--no-paginate"],
            input=json.dumps(request), capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            return Answer(members=json.loads(done.stdout or "{}"))
        match = self.failed.search(done.stderr)
        if not match:
            raise SystemExit(f"coffer {verb} ended with {done.returncode} and no error of the service:\n{done.stderr}")
        return Answer(code=match.group(1), message=match.group(3).strip())


class AwsDoor:
    """AWS JSON 1.1 over HTTPS, signed by botocore, which knows nothing of us; no member is added or checked."""

    name = "aws"

    def __init__(self):
        import botocore.auth
        import botocore.awsrequest
        import botocore.credentials
        import botocore.httpsession
        self.endpoint = os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"]
        self.request_class = botocore.awsrequest.AWSRequest
        self.signer = botocore.auth.SigV4Auth(
            botocore.credentials.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
                                             os.environ.get("AWS_SESSION_TOKEN")),
            "secretsmanager", os.environ["AWS_DEFAULT_REGION"])
        self.session = botocore.httpsession.URLLib3Session(verify=os.environ["AWS_CA_BUNDLE"])

    def call(self, operation, request):
        unsigned = self.request_class("POST", self.endpoint.rstrip("/") + "/", data=json.dumps(request).encode(), headers={
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager." + operation})
        self.signer.add_auth(unsigned)
        answer = self.session.send(unsigned.prepare())
        body = json.loads(answer.text) if answer.text else {}
        if answer.status_code == 200:
            return Answer(members=body, status=200)
        return Answer(code=body.get("__type"), message=body.get("Message", body.get("message")),
                      status=answer.status_code)


def filled_in(value, variables):
    """`value` with ${name} replaced; a text that is one variable and nothing else becomes its value as it is."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{(\w+)\}", value)
        if whole:
            return variables[whole.group(1)]
        return re.sub(r"\$\{(\w+)\}", lambda found: str(variables[found.group(1)]), value)
    if isinstance(value, list):
        return [filled_in(item, variables) for item in value]
    if isinstance(value, dict):
        if set(value) == {"<repeat>", "<times>"}:
            return value["<repeat>"] * value["<times>"]
        return {filled_in(name, variables): filled_in(item, variables) for name, item in value.items()}
    return value


def as_seconds(value):
    """A time as the doors write it: a number, or the command's ISO 8601. None when it is neither."""
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return datetime.datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return None


def difference(expected, actual, where="answer"):
    """None when `actual` is as expected, else what is not."""
    if isinstance(expected, str) and expected.startswith("<") and expected.endswith(">"):
        return pattern_difference(expected, actual, where)
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{where} is {actual!r} and no object"
        more = expected.get("<more>", False)
        names = {name for name in expected if name != "<more>"}
        missing = sorted(name for name in names - set(actual) if expected[name] != "<absent>")
        if missing:
            return f"{where} has no {', '.join(missing)}: {actual!r}"
        extra = sorted(set(actual) - names)
        if extra and not more:
            return f"{where} also has {', '.join(extra)}: {actual!r}"
        for name in sorted(names & set(actual)):
            found = difference(expected[name], actual[name], f"{where}.{name}")
            if found:
                return found
        return None
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(expected) != len(actual):
            return f"{where} is {actual!r} and not {expected!r}"
        # The order of labels says nothing.
        if all(isinstance(item, str) for item in expected + actual):
            expected, actual = sorted(expected), sorted(actual)
        for i, item in enumerate(expected):
            found = difference(item, actual[i], f"{where}[{i}]")
            if found:
                return found
        return None
    return None if expected == actual and type(expected) is type(actual) else f"{where} is {actual!r} and not {expected!r}"


def pattern_difference(pattern, actual, where):
    if pattern == "<any>":
        return None
    if pattern == "<absent>":
        return f"{where} is there: {actual!r}"
    now = datetime.datetime.now(datetime.timezone.utc).timestamp()
    if pattern == "<time>" or pattern.startswith("<in "):
        due = now + (int(re.fullmatch(r"<in (\d+) days>", pattern).group(1)) * DAY if pattern != "<time>" else 0)
        seconds = as_seconds(actual)
        return None if seconds is not None and abs(seconds - due) <= TIME_TOLERANCE else f"{where} is {actual!r} and not {pattern}"
    if pattern == "<today>":
        seconds = as_seconds(actual)
        return None if seconds is not None and seconds % DAY == 0 and 0 <= now - seconds < DAY + TIME_TOLERANCE \
            else f"{where} is {actual!r} and not midnight UTC of today"
    text = PATTERNS.get(pattern) or pattern[1:-1]
    return None if isinstance(actual, str) and re.fullmatch(text, actual) else f"{where} is {actual!r} and not {pattern}"


def check(step, answer):
    """None when the answer is the step's."""
    if "fails" in step:
        if not answer.code:
            return f"it succeeded: {answer}"
        expected = step["fails"]
        if answer.status not in (None, expected.get("status", 400)):
            return f"the status is {answer.status}"
        if answer.code != expected["code"]:
            return f"the error is {answer}"
        if "message" in expected and expected["message"] != answer.message:
            return f"the message is\n      {answer.message}\n    and not\n      {expected['message']}"
        if "message_has" in expected and expected["message_has"] not in (answer.message or ""):
            return f"the message is {answer.message!r}, without {expected['message_has']!r}"
        return None
    if answer.code:
        return f"it failed: {answer}"
    return difference(step["gives"], answer.members)


def kept(answer, path):
    value = answer.members
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def run_case(door, case):
    """What went wrong, as lines; the number of requests that were made."""
    unique = uuid.uuid4().hex[:12]
    variables = {"name": f"conformance/{unique}", "unique": unique}
    for i in range(1, 10):
        variables[f"token{i}"] = str(uuid.uuid4())
    made = 0
    for number, step in enumerate(case["steps"], 1):
        if door.name not in step.get("doors", [door.name]):
            continue
        step = {key: filled_in(value, variables) for key, value in step.items()}
        answer = door.call(step["call"], step["with"])
        made += 1
        wrong = check(step, answer)
        if wrong:
            return [f"step {number}, {step['call']} {shortened(step['with'])}:", f"    {wrong}"], made
        for name, path in step.get("keep", {}).items():
            variables[name] = kept(answer, path)
    return [], made


def shortened(request):
    text = json.dumps(request)
    return text if len(text) <= 300 else text[:300] + " ..."


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
    door = NativeDoor(options.coffer) if options.door == "native" else AwsDoor()
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
