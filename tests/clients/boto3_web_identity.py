#!/usr/bin/python3
"""Reads a secret as a pod does: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE say who it is, and there is no key.

    boto3_web_identity.py SECRET
"""
import os
import sys

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

secret, = sys.argv[1:]
endpoint = os.environ["AWS_ENDPOINT_URL"]
role = os.environ["AWS_ROLE_ARN"]
with open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]) as file:
    token = file.read()


def to_endpoint(request, **_):
    """What AWS_ENDPOINT_URL_STS does with newer versions: Debian's asks AWS itself for the credentials."""
    request.url = endpoint + "/"


core = botocore.session.Session()
core.register("before-send.sts.AssumeRoleWithWebIdentity", to_endpoint)
session = boto3.Session(botocore_session=core)
assert session.get_credentials().method == "assume-role-with-web-identity", session.get_credentials().method
value = session.client("secretsmanager", endpoint_url=endpoint).get_secret_value(SecretId=secret)["SecretString"]
arn = session.client("sts", endpoint_url=endpoint).get_caller_identity()["Arn"]
assert ":assumed-role/" + role.rpartition("/")[2] + "/" in arn, arn

# The call itself, and its errors as the SDK knows them.
sts = boto3.client("sts", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED))
made = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="tester", WebIdentityToken=token,
                                         DurationSeconds=900)
assert made["Credentials"]["AccessKeyId"].startswith("ASIA"), made["AssumedRoleUser"]
assert made["AssumedRoleUser"]["Arn"].endswith("/tester"), made["AssumedRoleUser"]
assert made["Provider"].startswith("arn:aws:iam::111122223333:oidc-provider/"), made["Provider"]
assert made["SubjectFromWebIdentityToken"] and made["Audience"], made["AssumedRoleUser"]
for wrong, expected in ((token[:-4] + "AAAA", sts.exceptions.InvalidIdentityTokenException),
                        ("x" * 20, sts.exceptions.InvalidIdentityTokenException)):
    try:
        sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="tester", WebIdentityToken=wrong)
        raise AssertionError("a wrong token was taken")
    except expected as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response["ResponseMetadata"]
try:
    sts.assume_role_with_web_identity(RoleArn=role + "x", RoleSessionName="tester", WebIdentityToken=token)
    raise AssertionError("there is no such role")
except ClientError as error:
    assert error.response["Error"]["Code"] == "AccessDenied", error.response["Error"]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error.response["ResponseMetadata"]
print("boto3 read", value)
