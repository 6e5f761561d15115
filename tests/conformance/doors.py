"""The front doors of a running appliance, as a test asks them: one request in, one answer out."""

import json
import os
import re
import subprocess


class Answer:
    """What came back: members of the response, or an error's code and message; from the AWS door also the status and
    the body, as JSON has it."""

    def __init__(self, members=None, code=None, message=None, status=None, body=None):
        self.members, self.code, self.message, self.status, self.body = members, code, message, status, body

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
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager." + operation}
        unsigned = self.request_class("POST", self.endpoint.rstrip("/") + "/", data=json.dumps(request).encode(),
                                      headers=headers)
        self.signer.add_auth(unsigned)
        answer = self.session.send(unsigned.prepare())
        body = json.loads(answer.text) if answer.text else {}
        if answer.status_code == 200:
            return Answer(members=body, status=200, body=body)
        return Answer(code=body.get("__type"), message=body.get("Message", body.get("message")),
                      status=answer.status_code, body=body)
