"""The front doors of a running appliance, as a test asks them: one request in, one answer out."""

import datetime
import json
import os
import re
import subprocess
import time

import comparison

# For what happens behind an answer. The bound is there to end a wait that has none, not to measure.
PATIENCE_SECONDS = 60


class Answer:
    """What came back: members of the response, or an error's code and message; from the AWS door also the status, the
    headers, and the body as JSON has it."""

    def __init__(self, members=None, code=None, message=None, status=None, body=None, headers=None):
        self.members, self.code, self.message, self.status, self.body = members, code, message, status, body
        self.headers = headers

    def __str__(self):
        if self.code:
            return f"{self.code}: {self.message}"
        return json.dumps(self.members, sort_keys=True)


class NativeDoor:
    """The protobuf protocol over mutual TLS, by the command `coffer`, with one request as JSON."""

    name = "native"
    failed = re.compile(
        r"An error occurred \((\w+)\) when calling the (\w+) operation: (.*?)(?:\nSecret: .*|\nHint: .*)*\s*$", re.S)

    def __init__(self, coffer, callers=None):
        self.coffer, self.callers = coffer, callers or {}

    def call(self, operation, request, caller=None):
        """By the administrator's certificate of the environment, or by that of one of the callers."""
        environment = dict(os.environ)
        if caller:
            environment.update(COFFER_CERT_FILE=self.callers[caller]["certificate"],
                               COFFER_KEY_FILE=self.callers[caller]["key"])
        verb = re.sub(r"(?<!^)(?=[A-Z])", "-", operation).lower()
        done = subprocess.run(
            [self.coffer, verb, "--cli-input-json", "file:///dev/stdin", "--output", "json", "--no-paginate"],
            input=json.dumps(request), env=environment, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            return Answer(members=json.loads(done.stdout or "{}"))
        match = self.failed.search(done.stderr)
        if not match:
            return Answer(code=f"exit code {done.returncode}", message=done.stderr.strip())
        return Answer(code=match.group(1), message=match.group(3).strip())


class AwsDoor:
    """AWS JSON 1.1 over HTTPS, signed by botocore, which knows nothing of us; no member is added or checked."""

    name = "aws"

    def __init__(self, callers=None):
        import botocore.auth
        import botocore.awsrequest
        import botocore.credentials
        import botocore.httpsession
        self.endpoint = os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"]
        self.region = os.environ["AWS_DEFAULT_REGION"]
        self.request_class = botocore.awsrequest.AWSRequest
        self.auth = botocore.auth
        self.credentials_class = botocore.credentials.Credentials
        self.credentials = self.credentials_class(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
                                                  os.environ.get("AWS_SESSION_TOKEN"))
        self.callers = {name: self.credentials_class(caller["access_key_id"], caller["secret_access_key"])
                        for name, caller in (callers or {}).items()}
        self.session = botocore.httpsession.URLLib3Session(verify=os.environ["AWS_CA_BUNDLE"])

    def call(self, operation, request, caller=None, signed=None):
        """By the access key of the environment, or by that of one of the callers. `signed` says what is otherwise than
        it should be about the request's signature or body (README.md)."""
        otherwise = signed or {}
        body = otherwise.get("body", json.dumps(request))
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager." + operation}
        unsent = self.request_class("POST", self.endpoint.rstrip("/") + "/", data=body.encode(), headers=headers)
        self.sign(unsent, self.callers[caller] if caller else self.credentials, otherwise)
        if "sent_body" in otherwise:
            unsent.data = otherwise["sent_body"].encode()
        if "authorization" in otherwise:
            del unsent.headers["Authorization"]
            if otherwise["authorization"]:
                unsent.headers["Authorization"] = otherwise["authorization"]
        return answer_of(self.session.send(unsent.prepare()))

    def sign(self, request, credentials, otherwise):
        credentials = self.credentials_class(otherwise.get("access_key_id", credentials.access_key), credentials.secret_key,
                                             otherwise.get("session_token", credentials.token))
        signer = self.auth.SigV4Auth(credentials, otherwise.get("service", "secretsmanager"),
                                     otherwise.get("region", self.region))
        if "seconds" not in otherwise:
            signer.add_auth(request)
            return
        # As add_auth, which takes the time from the clock.
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=otherwise["seconds"])
        request.context["timestamp"] = at.strftime(self.auth.SIGV4_TIMESTAMP)
        signer._modify_request_before_signing(request)
        to_sign = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(to_sign, request))


def answer_of(response):
    body = json.loads(response.text) if response.text else {}
    if response.status_code == 200:
        return Answer(members=body, status=200, body=body, headers=response.headers)
    return Answer(code=body.get("__type"), message=body.get("Message", body.get("message")),
                  status=response.status_code, body=body, headers=response.headers)


def ask(door, operation, request, wanted, **how):
    """The answer to a request; asked again as long as it does not hold what is wanted, values by their paths."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = door.call(operation, request, **how)
        if answer.code or all(holds(answer, path, value) for path, value in wanted.items()) or time.monotonic() > end:
            return answer
        time.sleep(0.1)


def holds(answer, path, value):
    try:
        return comparison.kept(answer, path) == value
    except (KeyError, IndexError):
        return False
