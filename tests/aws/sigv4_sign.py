#!/usr/bin/python3
"""Signs random requests with botocore, the signer of the AWS CLI and of boto3: one JSON object a line.

    sigv4_sign.py COUNT SEED

A line has what a server sees (method, path, query, headers, body in hexadecimal) and what it must know to check it
(secret, region, service, time in epoch seconds). Every fourth request is presigned, every third has a session token.
"""
import datetime
import json
import random
import string
import sys
import types
import urllib.parse

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_LETTERS = string.ascii_letters + string.digits + "+/"
ID_LETTERS = string.ascii_uppercase + "234567"
VALUE_LETTERS = string.ascii_letters + string.digits + " !#$%&'()*+-./:;=?@[]^_{|}~\",<>"
TEXT = string.ascii_letters + string.digits + " /+=&%-_.~*'()!é€漢\U0001f511"

count, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)


def text(letters, least, most):
    return "".join(rng.choice(letters) for _ in range(rng.randint(least, most)))


class Clock(datetime.datetime):
    moment = None

    @classmethod
    def utcnow(cls):
        return cls.moment

    @classmethod
    def now(cls, tz=None):
        return cls.moment


botocore.auth.datetime = types.SimpleNamespace(datetime=Clock, timezone=datetime.timezone)
if hasattr(botocore.auth, "get_current_datetime"):  # of later versions
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: Clock.moment


def random_request(presigned):
    host = rng.choice(["localhost:8443", "secrets.bank.example", "10.0.0.7:9443", "[::1]:8443"])
    path = "/" + "/".join(urllib.parse.quote(text(TEXT, 1, 9), safe="") for _ in range(rng.choice([0, 0, 0, 1, 2, 4])))
    path = "/".join("x" if part in (".", "..") else part for part in path.split("/"))
    pairs = [(text(TEXT, 1, 8), text(TEXT, 0, 8)) for _ in range(rng.choice([0, 0, 1, 3, 6]))]
    query = "&".join(f"{urllib.parse.quote(n, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for n, v in pairs)
    url = f"https://{host}{path}" + (f"?{query}" if query else "")
    headers = {}
    if rng.random() < 0.7:
        headers["Content-Type"] = "application/x-amz-json-1.1"
        headers["X-Amz-Target"] = "secretsmanager." + text(string.ascii_letters, 1, 20)
    for _ in range(rng.randint(0, 4)):
        headers[rng.choice(["X-Amz-Meta-", "Custom-", "x-"]) + text(string.ascii_letters, 1, 8)] = text(VALUE_LETTERS, 1, 30)
    if presigned:  # botocore moves a body into the query
        return AWSRequest(method="GET", url=url, headers=headers), host, b""
    body = rng.randbytes(rng.choice([0, 2, 60, 700]))
    return AWSRequest(method=rng.choice(["POST", "POST", "GET", "PUT"]), url=url, data=body, headers=headers), host, body


for number in range(count):
    presigned = number % 4 == 0
    request, host, body = random_request(presigned)
    region = rng.choice(["eu-central-1", "us-east-1", "rack-1", "on-prem"])
    service = rng.choice(["secretsmanager", "sts"])
    token = text(KEY_LETTERS + "=", 1, 300) if number % 3 == 0 else None
    secret = text(KEY_LETTERS, 40, 40)
    credentials = Credentials("AKIA" + text(ID_LETTERS, 16, 16), secret, token)
    moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=rng.randrange(3_000_000_000))
    Clock.moment = moment
    if presigned:
        botocore.auth.SigV4QueryAuth(credentials, service, region, expires=rng.randint(1, 604800)).add_auth(request)
    else:
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    headers = [[name, value] for name, value in request.headers.items()] + [["Host", host]]
    order = {name.lower(): rng.random() for name, _ in headers}  # a name that came twice keeps its order
    headers.sort(key=lambda header: order[header[0].lower()])
    print(json.dumps({
        "method": request.method, "path": parts.path, "query": parts.query, "headers": headers, "body": body.hex(),
        "secret": secret, "region": region, "service": service, "token": token,
        "time": int(moment.replace(tzinfo=datetime.timezone.utc).timestamp()),
    }))
