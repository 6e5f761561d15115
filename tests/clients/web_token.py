#!/usr/bin/python3
"""What an identity provider does, with OpenSSL's command: tokens, and the keys that verify them.

    web_token.py token KEY.pem KEY-ID CLAIMS [HEADER]   a JSON Web Token; the header is made for the key unless given
    web_token.py keys KEY.pem=KEY-ID...                 the JWK Set of these keys
"""
import base64
import json
import subprocess
import sys


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def is_rsa(key):
    return b"rsaEncryption" in openssl("asn1parse", "-in", key) or b"RSA" in open(key, "rb").readline()


def jwk(key, key_id):
    if is_rsa(key):
        modulus = openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().partition("=")[2]
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id, "e": "AQAB", "n": text(bytes.fromhex(modulus))}
    point = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")[-64:]
    return {"kty": "EC", "crv": "P-256", "use": "sig", "kid": key_id, "x": text(point[:32]), "y": text(point[32:])}


def two_numbers(der):
    """An ECDSA signature as JWS has it: SEQUENCE { INTEGER r, INTEGER s } of P-256."""
    size_of_r = der[3]
    r, s = der[4:4 + size_of_r], der[6 + size_of_r:]
    return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in (r, s))


def token(key, key_id, claims, header=None):
    rsa = is_rsa(key)
    header = header or json.dumps({"alg": "RS256" if rsa else "ES256", "kid": key_id, "typ": "JWT"})
    message = text(header.encode()) + "." + text(claims.encode())
    signature = openssl("dgst", "-sha256", "-sign", key, data=message.encode())
    return message + "." + text(signature if rsa else two_numbers(signature))


if sys.argv[1] == "keys":
    print(json.dumps({"keys": [jwk(*one.rsplit("=", 1)) for one in sys.argv[2:]]}))
else:
    print(token(*sys.argv[2:]), end="")
