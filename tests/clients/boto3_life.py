#!/usr/bin/python3
"""Takes a secret through its whole life with boto3, unchanged but for the endpoint.

    boto3_life.py PREFIX

The environment says where and who: AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_ACCESS_KEY_ID, ... Names of secrets begin with
PREFIX. Ends with an error at the first answer that is not AWS's.
"""
import datetime
import json
import os
import sys

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.exceptions
import botocore.httpsession

prefix = sys.argv[1]
endpoint = os.environ["AWS_ENDPOINT_URL"]
client = boto3.client("secretsmanager", endpoint_url=endpoint)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} was not refused")


def signed(operation, **members):
    """The answer to an operation that is younger than this boto3: Debian 12's, 1.26, has no BatchGetSecretValue."""
    session = boto3.Session()
    request = botocore.awsrequest.AWSRequest(
        "POST", endpoint.rstrip("/") + "/", data=json.dumps(members).encode(),
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"secretsmanager.{operation}"})
    botocore.auth.SigV4Auth(session.get_credentials(), "secretsmanager", session.region_name).add_auth(request)
    connection = botocore.httpsession.URLLib3Session(verify=os.environ["AWS_CA_BUNDLE"])
    answer = connection.send(request.prepare())
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text)


name = f"{prefix}/life"
created = client.create_secret(Name=name, SecretString="one", Description="first",
                               Tags=[{"Key": "team", "Value": "a"}])
arn = created["ARN"]
assert created["Name"] == name and arn.rsplit("-", 1)[0].endswith(f":secret:{name}"), created
assert len(created["ResponseMetadata"]["RequestId"]) == 36, created

value = client.get_secret_value(SecretId=name)
assert value["SecretString"] == "one" and value["VersionStages"] == ["AWSCURRENT"], value
assert "SecretBinary" not in value
age = datetime.datetime.now(datetime.timezone.utc) - value["CreatedDate"]
assert abs(age.total_seconds()) < 600, value["CreatedDate"]

# Versions and labels
put = client.put_secret_value(SecretId=arn, SecretString='{"a":"\u20ac \\u0041 \\n"}')
assert put["VersionStages"] == ["AWSCURRENT"], put
assert client.get_secret_value(SecretId=name)["SecretString"] == '{"a":"\u20ac \\u0041 \\n"}'
assert client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
client.put_secret_value(SecretId=name, SecretBinary=bytes(range(256)), VersionStages=["raw"])
assert client.get_secret_value(SecretId=name, VersionStage="raw")["SecretBinary"] == bytes(range(256))
versions = client.list_secret_version_ids(SecretId=name)["Versions"]
assert len(versions) == 3 and all(version["KmsKeyIds"] for version in versions), versions
client.update_secret_version_stage(SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=created["VersionId"],
                                   RemoveFromVersionId=put["VersionId"])
assert client.get_secret_value(SecretId=name)["SecretString"] == "one"

# What is refused
assert refused("ResourceNotFoundException", client.get_secret_value, SecretId=f"{prefix}/none") == \
    "Secrets Manager can't find the specified secret."
assert refused("ResourceExistsException", client.create_secret, Name=name, SecretString="x") == \
    f"The operation failed because the secret {name} already exists."
assert refused("ValidationException", client.get_secret_value, SecretId="a b") == (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")

# Tags, description, policy
client.tag_resource(SecretId=name, Tags=[{"Key": "tier", "Value": "1"}])
client.untag_resource(SecretId=name, TagKeys=["team"])
client.update_secret(SecretId=name, Description="second")
described = client.describe_secret(SecretId=name)
assert described["Tags"] == [{"Key": "tier", "Value": "1"}] and described["Description"] == "second", described
assert described["VersionIdsToStages"][created["VersionId"]] == ["AWSCURRENT"], described
policy = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]})
client.put_resource_policy(SecretId=name, ResourcePolicy=policy)
assert json.loads(client.get_resource_policy(SecretId=name)["ResourcePolicy"]) == json.loads(policy)
client.delete_resource_policy(SecretId=name)
assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)

# Lists and batches
for number in range(5):
    client.create_secret(Name=f"{prefix}/list-{number}", SecretString=str(number))
pages = client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [f"{prefix}/list"]}],
                                                      PaginationConfig={"PageSize": 2})
names = [[secret["Name"] for secret in page["SecretList"]] for page in pages]
assert sorted(sum(names, [])) == [f"{prefix}/list-{number}" for number in range(5)] and len(names) >= 3, names
ids = [f"{prefix}/list-1", f"{prefix}/none"]
known = hasattr(client, "batch_get_secret_value")
batch = client.batch_get_secret_value(SecretIdList=ids) if known else signed("BatchGetSecretValue", SecretIdList=ids)
assert [each["SecretString"] for each in batch["SecretValues"]] == ["1"], batch
assert batch["Errors"][0]["ErrorCode"] == "ResourceNotFoundException", batch
assert len(client.get_random_password(PasswordLength=20)["RandomPassword"]) == 20

# Delete, restore, delete for good
client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
assert refused("InvalidRequestException", client.get_secret_value, SecretId=name) == \
    "You can't perform this operation on the secret because it was marked for deletion."
assert "DeletedDate" in client.describe_secret(SecretId=name)
client.restore_secret(SecretId=name)
assert client.get_secret_value(SecretId=name)["SecretString"] == "one"
client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
refused("ResourceNotFoundException", client.describe_secret, SecretId=name)

# Who am I? From STS, as a request and presigned.
sts = boto3.client("sts", endpoint_url=endpoint)
identity = sts.get_caller_identity()
assert identity["Arn"].startswith("arn:aws:iam::111122223333:user/"), identity

# A value of 64 KiB
big = "x" * 65536
client.create_secret(Name=f"{prefix}/big", SecretString=big)
assert client.get_secret_value(SecretId=f"{prefix}/big")["SecretString"] == big
assert refused("ValidationException", client.put_secret_value, SecretId=f"{prefix}/big", SecretString=big + "x") == (
    "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less "
    "than or equal to 65536")
print("boto3", boto3.__version__, "took a secret through its life,", "with" if known else "without", "a batch read of its own")
