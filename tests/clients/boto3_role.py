#!/usr/bin/python3
"""Assumes a role with boto3, reads a secret as it, and is refused what the session's policy takes away.

    boto3_role.py ROLE-ARN SECRET
"""
import json
import os
import sys
import urllib.request
import ssl

import boto3
import botocore.exceptions

role, secret = sys.argv[1:]
endpoint = os.environ["AWS_ENDPOINT_URL"]
sts = boto3.client("sts", endpoint_url=endpoint)


def session(**arguments):
    made = sts.assume_role(RoleArn=role, RoleSessionName="tester", DurationSeconds=900, **arguments)
    credentials = made["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA"), made["AssumedRoleUser"]
    assert made["AssumedRoleUser"]["Arn"].endswith("/tester"), made["AssumedRoleUser"]
    return boto3.Session(aws_access_key_id=credentials["AccessKeyId"],
                         aws_secret_access_key=credentials["SecretAccessKey"],
                         aws_session_token=credentials["SessionToken"])


whole = session()
assert whole.client("sts", endpoint_url=endpoint).get_caller_identity()["Arn"].endswith("/tester")
assert whole.client("secretsmanager", endpoint_url=endpoint).get_secret_value(SecretId=secret)["SecretString"]

nothing = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "secretsmanager:DescribeSecret", "Resource": "*"}]})
limited = session(Policy=nothing).client("secretsmanager", endpoint_url=endpoint)
limited.describe_secret(SecretId=secret)
try:
    limited.get_secret_value(SecretId=secret)
    raise AssertionError("the session's policy was not asked")
except botocore.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "AccessDeniedException", error.response

# A presigned request says who one is without handing the key on.
url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
with urllib.request.urlopen(url, context=context) as answer:
    assert b"<GetCallerIdentityResult>" in answer.read()
print("boto3 assumed a role")
