"""A rotation function for one PostgreSQL user, in the shape of AWS's published templates: written for AWS Lambda, with
boto3 and psycopg2, and knowing nothing of Coffer.

The secret: {"engine": "postgres", "host": ..., "port": ..., "dbname": ..., "username": ..., "password": ...}

Environment: SECRETS_MANAGER_ENDPOINT, EXCLUDE_CHARACTERS. For tests alone: STOP_AFTER=STEP makes the process end there
the first time, as a crash would (STOP_MARK is a file that remembers), and RAISE_IN=STEP raises with the password in
the text.
"""
import json
import logging
import os

import boto3
import psycopg2
from psycopg2 import sql

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def lambda_handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])

    metadata = client.describe_secret(SecretId=arn)
    if not metadata.get("RotationEnabled"):
        raise ValueError(f"{arn} is not enabled for rotation")
    versions = metadata["VersionIdsToStages"]
    if token not in versions:
        raise ValueError(f"version {token} of {arn} has no stage for rotation")
    if "AWSCURRENT" in versions[token]:
        logger.info("version %s is AWSCURRENT already", token)
        return
    if "AWSPENDING" not in versions[token]:
        raise ValueError(f"version {token} of {arn} is not AWSPENDING")
    if context.get_remaining_time_in_millis() <= 0:
        raise TimeoutError("no time left")

    steps = {"createSecret": create_secret, "setSecret": set_secret, "testSecret": test_secret,
             "finishSecret": finish_secret}
    if step not in steps:
        raise ValueError(f"unknown step {step}")
    steps[step](client, arn, token)
    stop_if_told(step)


def create_secret(client, arn, token):
    current = secret_dict(client, arn, "AWSCURRENT")
    try:
        secret_dict(client, arn, "AWSPENDING", token)
        logger.info("createSecret: there is a value already")
    except client.exceptions.ResourceNotFoundException:
        exclude = os.environ.get("EXCLUDE_CHARACTERS", "/@\"'\\")
        current["password"] = client.get_random_password(ExcludeCharacters=exclude)["RandomPassword"]
        client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current),
                                VersionStages=["AWSPENDING"])
        logger.info("createSecret: stored a value for version %s", token)


def set_secret(client, arn, token):
    pending = secret_dict(client, arn, "AWSPENDING", token)
    connection = connect(pending)
    if connection:
        connection.close()
        logger.info("setSecret: AWSPENDING logs in already")
        return
    current = secret_dict(client, arn, "AWSCURRENT")
    if (current["username"], current["host"]) != (pending["username"], pending["host"]):
        raise ValueError("AWSPENDING names another user or host than AWSCURRENT")
    if os.environ.get("RAISE_IN") == "setSecret":
        raise RuntimeError("the server did not take " + pending["password"])
    connection = connect(current)
    if not connection:
        connection = connect(secret_dict(client, arn, "AWSPREVIOUS"))
    if not connection:
        raise ValueError("neither AWSPENDING nor AWSCURRENT nor AWSPREVIOUS logs in")
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("ALTER USER {} WITH PASSWORD %s").format(sql.Identifier(pending["username"])),
                           (pending["password"],))
        connection.commit()
    finally:
        connection.close()


def test_secret(client, arn, token):
    connection = connect(secret_dict(client, arn, "AWSPENDING", token))
    if not connection:
        raise ValueError("AWSPENDING does not log in")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT NOW()")
    finally:
        connection.close()


def finish_secret(client, arn, token):
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next((version for version, stages in versions.items() if "AWSCURRENT" in stages), None)
    if current == token:
        return
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token,
                                       RemoveFromVersionId=current)


def connect(secret):
    try:
        return psycopg2.connect(host=secret["host"], port=int(secret.get("port", 5432)), user=secret["username"],
                                password=secret["password"], dbname=secret.get("dbname", "postgres"),
                                connect_timeout=5)
    except psycopg2.Error:
        return None


def secret_dict(client, arn, stage, token=None):
    arguments = {"VersionId": token} if token else {}
    secret = json.loads(client.get_secret_value(SecretId=arn, VersionStage=stage, **arguments)["SecretString"])
    if secret.get("engine") != "postgres":
        raise KeyError("the engine must be postgres")
    for field in ("host", "username", "password"):
        if field not in secret:
            raise KeyError(f"{field} is missing")
    return secret


def stop_if_told(step):
    mark = os.environ.get("STOP_MARK")
    if os.environ.get("STOP_AFTER") == step and mark and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), 9)
