// Assumes a role with the AWS SDK for JavaScript v3, reads a secret as it, and is refused what the session's policy
// takes away.
//
//     node role.js ROLE-ARN SECRET
//
// The environment is that of life.js, with AWS_ENDPOINT_URL_STS.
import assert from "node:assert/strict";
import { SecretsManager } from "@aws-sdk/client-secrets-manager";
import { STS } from "@aws-sdk/client-sts";

const [RoleArn, SecretId] = process.argv.slice(2);
const sts = new STS();

async function credentials(more = {}) {
  const made = await sts.assumeRole({ RoleArn, RoleSessionName: "tester", DurationSeconds: 900, ...more });
  assert.match(made.Credentials.AccessKeyId, /^ASIA/);
  assert.match(made.AssumedRoleUser.Arn, /\/tester$/);
  const left = made.Credentials.Expiration.getTime() - Date.now();
  assert.ok(left > 600_000 && left < 1_200_000, made.Credentials.Expiration);
  return {
    accessKeyId: made.Credentials.AccessKeyId,
    secretAccessKey: made.Credentials.SecretAccessKey,
    sessionToken: made.Credentials.SessionToken,
  };
}

const whole = await credentials();
assert.match((await new STS({ credentials: whole }).getCallerIdentity({})).Arn, /\/tester$/);
assert.ok((await new SecretsManager({ credentials: whole }).getSecretValue({ SecretId })).SecretString);

const Policy = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "secretsmanager:DescribeSecret", Resource: "*" }],
});
const limited = new SecretsManager({ credentials: await credentials({ Policy }) });
await limited.describeSecret({ SecretId });
await assert.rejects(limited.getSecretValue({ SecretId }), { name: "AccessDeniedException" });
const other = sts.assumeRole({ RoleArn: `${RoleArn}-none`, RoleSessionName: "tester" });
await assert.rejects(other, { name: "AccessDenied" });
console.log("The SDK for JavaScript assumed a role");
