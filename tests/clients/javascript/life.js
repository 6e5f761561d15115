// Takes a secret through its whole life with the AWS SDK for JavaScript v3, as it is.
//
//     node life.js PREFIX
//
// The environment alone says where and who: AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_REGION, NODE_EXTRA_CA_CERTS,
// AWS_ACCESS_KEY_ID, ... Names of secrets begin with PREFIX. Ends with an error at the first answer that is not AWS's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { SecretsManager, paginateListSecrets } from "@aws-sdk/client-secrets-manager";
import { STS } from "@aws-sdk/client-sts";

const prefix = process.argv[2];
const client = new SecretsManager();

async function refused(code, call) {
  const error = await call.then(() => assert.fail(`${code} was expected`), (error) => error);
  assert.equal(error.name, code, error);
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.equal(error.$metadata.requestId.length, 36);
  return error.message;
}

const name = `${prefix}/life`;
const created = await client.createSecret({
  Name: name, SecretString: "one", Description: "first", Tags: [{ Key: "team", Value: "a" }],
});
const arn = created.ARN;
assert.equal(created.Name, name);
assert.ok(arn.slice(0, -"-A1b2C3".length).endsWith(`:secret:${name}`), arn);
assert.equal(created.$metadata.requestId.length, 36);

const value = await client.getSecretValue({ SecretId: name });
assert.equal(value.SecretString, "one");
assert.deepEqual(value.VersionStages, ["AWSCURRENT"]);
assert.equal(value.SecretBinary, undefined);
assert.ok(Math.abs(Date.now() - value.CreatedDate.getTime()) < 600_000, value.CreatedDate);

// Versions and labels
const text = '{"a":"\u20ac \\u0041 \\n"}';
const put = await client.putSecretValue({ SecretId: arn, SecretString: text });
assert.deepEqual(put.VersionStages, ["AWSCURRENT"]);
assert.equal((await client.getSecretValue({ SecretId: name })).SecretString, text);
assert.equal((await client.getSecretValue({ SecretId: name, VersionStage: "AWSPREVIOUS" })).SecretString, "one");
const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
await client.putSecretValue({ SecretId: name, SecretBinary: bytes, VersionStages: ["raw"] });
const raw = await client.getSecretValue({ SecretId: name, VersionStage: "raw" });
assert.deepEqual(Uint8Array.from(raw.SecretBinary), bytes);
const { Versions: versions } = await client.listSecretVersionIds({ SecretId: name });
assert.equal(versions.length, 3);
assert.ok(versions.every((version) => version.KmsKeyIds.length === 1), versions);
await client.updateSecretVersionStage({
  SecretId: name, VersionStage: "AWSCURRENT", MoveToVersionId: created.VersionId, RemoveFromVersionId: put.VersionId,
});
assert.equal((await client.getSecretValue({ SecretId: name })).SecretString, "one");

// What is refused
assert.equal(await refused("ResourceNotFoundException", client.getSecretValue({ SecretId: `${prefix}/none` })),
  "Secrets Manager can't find the specified secret.");
assert.equal(await refused("ResourceExistsException", client.createSecret({ Name: name, SecretString: "x" })),
  `The operation failed because the secret ${name} already exists.`);
assert.equal(await refused("ValidationException", client.getSecretValue({ SecretId: "a b" })),
  "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!");

// Tags, description, policy
await client.tagResource({ SecretId: name, Tags: [{ Key: "tier", Value: "1" }] });
await client.untagResource({ SecretId: name, TagKeys: ["team"] });
await client.updateSecret({ SecretId: name, Description: "second" });
const described = await client.describeSecret({ SecretId: name });
assert.deepEqual(described.Tags, [{ Key: "tier", Value: "1" }]);
assert.equal(described.Description, "second");
assert.deepEqual(described.VersionIdsToStages[created.VersionId], ["AWSCURRENT"]);
const policy = {
  Version: "2012-10-17",
  Statement: [{
    Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "secretsmanager:GetSecretValue", Resource: "*",
  }],
};
const ResourcePolicy = JSON.stringify(policy);
const validated = await client.validateResourcePolicy({ SecretId: name, ResourcePolicy });
assert.equal(validated.PolicyValidationPassed, true);
await client.putResourcePolicy({ SecretId: name, ResourcePolicy });
assert.deepEqual(JSON.parse((await client.getResourcePolicy({ SecretId: name })).ResourcePolicy), policy);
await client.deleteResourcePolicy({ SecretId: name });
assert.equal((await client.getResourcePolicy({ SecretId: name })).ResourcePolicy, undefined);

// Lists and batches
const numbers = [0, 1, 2, 3, 4];
for (const number of numbers) {
  await client.createSecret({
    Name: `${prefix}/list-${number}`, SecretString: `${number}`, Tags: [{ Key: "parity", Value: `${number % 2}` }],
  });
}
const names = async (Filters) => {
  const pages = [];
  for await (const page of paginateListSecrets({ client, pageSize: 2 }, { Filters })) {
    pages.push(page.SecretList.map((secret) => secret.Name));
  }
  return pages;
};
const all = await names([{ Key: "name", Values: [`${prefix}/list`] }]);
assert.deepEqual(all.flat().sort(), numbers.map((number) => `${prefix}/list-${number}`));
assert.ok(all.length >= 3, all);
const odd = await names([{ Key: "name", Values: [`${prefix}/list`] }, { Key: "tag-key", Values: ["parity"] },
  { Key: "tag-value", Values: ["1"] }]);
assert.deepEqual(odd.flat().sort(), [1, 3].map((number) => `${prefix}/list-${number}`));
const batch = await client.batchGetSecretValue({ SecretIdList: [`${prefix}/list-1`, `${prefix}/none`] });
assert.deepEqual(batch.SecretValues.map((each) => each.SecretString), ["1"]);
assert.deepEqual(batch.Errors.map((each) => each.ErrorCode), ["ResourceNotFoundException"]);
const filtered = await client.batchGetSecretValue({ Filters: [{ Key: "name", Values: [`${prefix}/list`] }] });
assert.deepEqual(filtered.SecretValues.map((each) => each.SecretString).sort(), numbers.map(String));
assert.equal((await client.getRandomPassword({ PasswordLength: 20 })).RandomPassword.length, 20);

// Delete, restore, delete for good
await client.deleteSecret({ SecretId: name, RecoveryWindowInDays: 7 });
assert.equal(await refused("InvalidRequestException", client.getSecretValue({ SecretId: name })),
  "You can't perform this operation on the secret because it was marked for deletion.");
assert.ok((await client.describeSecret({ SecretId: name })).DeletedDate instanceof Date);
await client.restoreSecret({ SecretId: name });
assert.equal((await client.getSecretValue({ SecretId: name })).SecretString, "one");
await client.deleteSecret({ SecretId: name, ForceDeleteWithoutRecovery: true });
await refused("ResourceNotFoundException", client.describeSecret({ SecretId: name }));

// Who am I?
const identity = await new STS().getCallerIdentity({});
assert.ok(identity.Arn.startsWith("arn:aws:iam::111122223333:user/"), identity);

// A value of 64 KiB
const big = "x".repeat(65536);
await client.createSecret({ Name: `${prefix}/big`, SecretString: big });
assert.equal((await client.getSecretValue({ SecretId: `${prefix}/big` })).SecretString, big);
assert.equal(
  await refused("ValidationException", client.putSecretValue({ SecretId: `${prefix}/big`, SecretString: `${big}x` })),
  "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less "
    + "than or equal to 65536");

const sdk = new URL("node_modules/@aws-sdk/client-secrets-manager/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(sdk));
console.log(`The SDK for JavaScript ${version}, on Node.js ${process.version}, took a secret through its life`);
