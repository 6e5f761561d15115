#!/usr/bin/python3
"""Makes in a running appliance what some cases want besides secrets: users with few rights, for both doors, and a master
key. Writes a JSON file for `run.py --prepared`; it holds an access key, and only its owner may read it.

    prepare.py --appliance DIR --coffer PROGRAM --output FILE

COFFER_* say where the daemon is and are an administrator's. It is run once in an appliance; the functions of functions.toml
must be in the configuration already.
"""

import argparse
import json
import os
import pathlib
import subprocess

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:"

# Who calls in some cases, with what they may do.
CALLERS = {
    "limited": [
        {"Effect": "Allow", "Resource": "*", "Action": [
            "secretsmanager:CreateSecret", "secretsmanager:BatchGetSecretValue", "secretsmanager:RotateSecret",
            "secretsmanager:ValidateResourcePolicy"]},
        {"Effect": "Allow", "Resource": "*", "Action": ["secretsmanager:TagResource", "secretsmanager:UntagResource"],
         "Condition": {"StringEquals": {"aws:ResourceTag/owner": "limited"}}},
    ],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appliance", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--coffer", default="coffer", metavar="PROGRAM")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="FILE")
    options = parser.parse_args()

    def coffer(*arguments):
        return subprocess.run([options.coffer, *arguments], capture_output=True, text=True, check=True).stdout

    callers = {}
    for name, statements in CALLERS.items():
        policy = {"Version": "2012-10-17", "Statement": statements}
        coffer("iam", "create-user", "--user-name", name)
        coffer("iam", "add-user-identity", "--user-name", name,
               "--identity", f"Kind=spiffe,Value=spiffe://coffer.local/{name}")
        coffer("iam", "put-user-policy", "--user-name", name, "--policy-name", "cases",
               "--policy-document", json.dumps(policy))
        key = json.loads(coffer("iam", "create-access-key", "--user-name", name, "--output", "json"))["AccessKey"]
        subprocess.run([PROJECT / "deploy" / "appliance.sh", "client", name, "--dir", options.appliance],
                       capture_output=True, check=True)
        certificate = options.appliance / "state" / "tls" / name
        callers[name] = {"certificate": f"{certificate}.crt", "key": f"{certificate}.key",
                         "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    coffer("key", "create", "conformance")
    variables = {"function": FUNCTION + "random", "broken_function": FUNCTION + "broken", "key": "alias/conformance"}
    descriptor = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"callers": callers, "variables": variables}, file)


if __name__ == "__main__":
    main()
