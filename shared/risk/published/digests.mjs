// Writes ../benign/digests.jsonl: the hash that each signature of ../benign/requests.jsonl is of, computed by ethers.
import { readFileSync, writeFileSync } from "node:fs";
import { TypedDataEncoder, hashMessage } from "ethers";

const lines = readFileSync(new URL("../benign/requests.jsonl", import.meta.url), "utf8").trim().split("\n");
const digests = lines.map((line) => JSON.parse(line)).flatMap(({ id, method, params }) => {
  if (method === "personal_sign") return [{ id, digest: hashMessage(params.message) }];
  if (method !== "eth_signTypedData_v4") return [];
  const { EIP712Domain, ...types } = params.types;
  return [{ id, digest: TypedDataEncoder.from(types).primaryType === params.primaryType ? TypedDataEncoder.hash(params.domain, types, params.message) : null }];
});
writeFileSync(new URL("../benign/digests.jsonl", import.meta.url), digests.map((digest) => JSON.stringify(digest) + "\n").join(""));
console.log(`${digests.length} digests, ${digests.filter(({ digest }) => !digest).length} without`);
