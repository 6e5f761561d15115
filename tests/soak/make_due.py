"""Creates secrets due/1 to due/COUNT and asks for the rotation of each: make_due.py COUNT FUNCTION_ARN.

Endpoint and credentials come from the environment, as `deploy/appliance.sh env` sets it.
"""

import concurrent.futures
import os
import sys

import boto3
from botocore.config import Config

count, function = int(sys.argv[1]), sys.argv[2]
WORKERS = 8
client = boto3.client("secretsmanager", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
                      config=Config(max_pool_connections=WORKERS, retries={"mode": "standard"}))


def make(number):
    name = f"due/{number}"
    client.create_secret(Name=name, SecretString="first")
    client.rotate_secret(SecretId=name, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30})


with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
    for done, _ in enumerate(pool.map(make, range(1, count + 1)), 1):
        if done % 1000 == 0:
            print(f"{done} of {count} are due", flush=True)
