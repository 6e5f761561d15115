"""What a request of a case looks like once its variables are filled in, and whether an answer is the expected one."""

import datetime
import json
import re
import uuid

PATTERNS = {
    "<arn>": r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-[A-Za-z0-9]{6}",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<text>": r"(?s).+",
}
# How long ago a <time> may be, and how far ahead one of a deletion, in seconds.
TIME_TOLERANCE = 600
DAY = 24 * 60 * 60
# Errors of the service's model: their text is in `Message`. Source: the model of 2017-10-17 and a body that was recorded of
# AWS.
MODELLED_ERRORS = {
    "DecryptionFailure", "EncryptionFailure", "InternalServiceError", "InvalidNextTokenException",
    "InvalidParameterException", "InvalidRequestException", "LimitExceededException", "MalformedPolicyDocumentException",
    "PreconditionNotMetException", "PublicPolicyException", "ResourceExistsException", "ResourceNotFoundException",
}
# Errors before the service: theirs is in `message`, as raw answers of AWS's JSON 1.1 services in public reports have it.
FRONT_ERRORS = {
    "IncompleteSignatureException", "InvalidSignatureException", "MissingAuthenticationTokenException",
    "SerializationException", "UnrecognizedClientException", "ValidationException",
}


def fresh_variables():
    """What every case begins with: a name that no other has, and UUIDs for its versions."""
    unique = uuid.uuid4().hex[:12]
    variables = {"name": f"conformance/{unique}", "unique": unique}
    for i in range(1, 10):
        variables[f"token{i}"] = str(uuid.uuid4())
    return variables


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
        if set(value) == {"<joined>"}:
            return "".join(filled_in(part, variables) for part in value["<joined>"])
        if set(value) == {"<json>"}:
            return json.dumps(filled_in(value["<json>"], variables))
        if set(value) == {"<list of>", "<times>"}:
            template = json.dumps(filled_in(value["<list of>"], variables))
            return [json.loads(template.replace("#", str(i))) for i in range(1, value["<times>"] + 1)]
        return {filled_in(name, variables): filled_in(item, variables) for name, item in value.items()}
    return value


def as_seconds(value):
    """A time as the doors write it: a number, or the command's ISO 8601. None when it is neither."""
    if isinstance(value, (int, float)):
        return float(value)
    for read in (float, lambda text: datetime.datetime.fromisoformat(text).timestamp()):
        try:
            return read(value)
        except (TypeError, ValueError):
            pass
    return None


def difference(expected, actual, where="answer"):
    """None when `actual` is as expected, else what is not."""
    if isinstance(expected, str) and expected.startswith("<") and expected.endswith(">"):
        return pattern_difference(expected, actual, where)
    if isinstance(expected, dict) and set(expected) == {"<in any order>"}:
        return unordered_difference(expected["<in any order>"], actual, where)
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
    if expected == actual and type(expected) is type(actual):
        return None
    return f"{where} is {actual!r} and not {expected!r}"


def unordered_difference(expected, actual, where):
    """The expected items must tell each other's answers apart: each takes the first that is as it says."""
    if not isinstance(actual, list) or len(expected) != len(actual):
        return f"{where} is {actual!r} and not {expected!r}"
    left = list(actual)
    for item in expected:
        found = next((one for one in left if difference(item, one) is None), None)
        if found is None:
            return f"{where} has nothing that is {item!r}: {left!r}"
        left.remove(found)
    return None


def pattern_difference(pattern, actual, where):
    if pattern == "<any>":
        return None
    if pattern == "<number>":
        number = isinstance(actual, (int, float)) and not isinstance(actual, bool)
        return None if number else f"{where} is {actual!r} and no number"
    if pattern == "<moment>":
        return None if as_seconds(actual) is not None else f"{where} is {actual!r} and no time"
    if pattern == "<absent>":
        return f"{where} is there: {actual!r}"
    now = datetime.datetime.now(datetime.timezone.utc).timestamp()
    if pattern == "<time>" or pattern.startswith("<in "):
        due = now + (int(re.fullmatch(r"<in (\d+) days>", pattern).group(1)) * DAY if pattern != "<time>" else 0)
        seconds = as_seconds(actual)
        near = seconds is not None and abs(seconds - due) <= TIME_TOLERANCE
        return None if near else f"{where} is {actual!r} and not {pattern}"
    if pattern.startswith("<after "):
        before, seconds = as_seconds(pattern[len("<after "):-1]), as_seconds(actual)
        return None if seconds is not None and seconds > before else f"{where} is {actual!r} and not {pattern}"
    if pattern == "<today>":
        seconds = as_seconds(actual)
        return None if seconds is not None and seconds % DAY == 0 and 0 <= now - seconds < DAY + TIME_TOLERANCE \
            else f"{where} is {actual!r} and not midnight UTC of today"
    text = PATTERNS.get(pattern) or pattern[1:-1]
    matches = isinstance(actual, str) and re.fullmatch(text, actual)
    return None if matches else f"{where} is {actual!r} and not {pattern}"


def check(step, answer):
    """None when the answer is the step's."""
    if "fails" in step:
        if not answer.code:
            return f"it succeeded: {answer}"
        expected = step["fails"]
        if answer.status not in (None, expected.get("status", 400)):
            return f"the status is {answer.status}"
        if difference(expected["code"], answer.code):
            return f"the error is {answer}"
        if "message" in expected and difference(expected["message"], answer.message):
            return f"the message is\n      {answer.message}\n    and not\n      {expected['message']}"
        if "message_has" in expected and expected["message_has"] not in (answer.message or ""):
            return f"the message is {answer.message!r}, without {expected['message_has']!r}"
        return None
    if answer.code:
        return f"it failed: {answer}"
    return difference(step["gives"], answer.members)


def form_difference(answer):
    """None when an answer of the AWS door has the form that AWS's have, whatever it says."""
    if answer.headers is None:
        return None
    if answer.headers.get("Content-Type") != "application/x-amz-json-1.1":
        return f"the Content-Type is {answer.headers.get('Content-Type')!r}"
    if not re.fullmatch(PATTERNS["<uuid>"], answer.headers.get("x-amzn-RequestId", "")):
        return f"the x-amzn-RequestId is {answer.headers.get('x-amzn-RequestId')!r}"
    if "Date" not in answer.headers:
        return "there is no Date"
    for codes, name in [(MODELLED_ERRORS, "Message"), (FRONT_ERRORS, "message")]:
        if answer.code in codes and name not in answer.body:
            return f"the error's text is not in {name}: {answer.body!r}"
    return None


def kept(answer, path):
    value = answer.members
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def shortened(request):
    text = json.dumps(request)
    return text if len(text) <= 300 else text[:300] + " ..."
