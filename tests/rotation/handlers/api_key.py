"""A rotation function for the key of an HTTP API, in the shape of AWS's generic template: written for AWS Lambda, and
knowing nothing of Coffer.

The secret: {"url": ..., "key": ...}. The API (key_service.py) takes a new key from whoever has a valid one, and knows
the last two.
"""
import json
import os
import urllib.error
import urllib.request

import boto3


def lambda_handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"].get(token)
    if stages is None:
        raise ValueError("the version has no stage for rotation")
    if "AWSCURRENT" in stages:
        return
    if "AWSPENDING" not in stages:
        raise ValueError("the version is not AWSPENDING")
    if step == "createSecret":
        create_secret(client, arn, token)
    elif step == "setSecret":
        set_secret(client, arn, token)
    elif step == "testSecret":
        if not is_valid(read(client, arn, "AWSPENDING", token)):
            raise ValueError("the service does not know the pending key")
    elif step == "finishSecret":
        finish_secret(client, arn, token)
    else:
        raise ValueError("unknown step")


def create_secret(client, arn, token):
    secret = read(client, arn, "AWSCURRENT")
    try:
        read(client, arn, "AWSPENDING", token)
    except client.exceptions.ResourceNotFoundException:
        password = client.get_random_password(PasswordLength=40, ExcludePunctuation=True)
        secret["key"] = password["RandomPassword"]
        client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(secret),
                                VersionStages=["AWSPENDING"])


def set_secret(client, arn, token):
    pending = read(client, arn, "AWSPENDING", token)
    if not is_valid(pending):
        current = read(client, arn, "AWSCURRENT")
        call(current["url"] + "/keys", current["key"], json.dumps({"key": pending["key"]}).encode())


def finish_secret(client, arn, token):
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    if current != token:
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token,
                                           RemoveFromVersionId=current)
    # As the newer of AWS's templates: they leave nothing to the service.
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)


def is_valid(secret):
    try:
        call(secret["url"] + "/whoami", secret["key"])
        return True
    except urllib.error.HTTPError as error:
        if error.code == 401:
            return False
        raise


def call(url, key, body=None):
    request = urllib.request.Request(url, data=body, headers={"Authorization": "Bearer " + key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def read(client, arn, stage, token=None):
    arguments = {"VersionId": token} if token else {}
    return json.loads(client.get_secret_value(SecretId=arn, VersionStage=stage, **arguments)["SecretString"])
