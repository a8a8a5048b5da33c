// Compiles sources/*.sol into contracts.jsonl. `npm ci`, then `node build.mjs`. See README.md.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const folder = new URL("sources/", import.meta.url);

/** The contracts of a file with what the line `//@` before each says. */
function labelled(text) {
  const all = [];
  const line = /^\/\/@ (vulnerable|absent|benign) ?(\S*)\ncontract (\w+)/gm;
  for (const [, kind, what, name] of text.matchAll(line)) all.push({ kind, what, name });
  return all;
}

function compile(version, file, text, optimised) {
  const compiler = require(`solc-${version}`);
  if (version === "0.4.11") {
    const { contracts, errors = [] } = compiler.compile({ sources: { [file]: text } }, optimised ? 1 : 0);
    const failed = errors.filter((error) => !error.includes("Warning"));
    if (failed.length > 0) throw new Error(failed.join("\n"));
    return (name) => contracts[`${file}:${name}`].runtimeBytecode;
  }
  const input = {
    language: "Solidity",
    sources: { [file]: { content: text } },
    settings: {
      optimizer: { enabled: optimised, runs: 200 },
      outputSelection: { "*": { "*": ["evm.deployedBytecode.object"] } },
    },
  };
  const output = JSON.parse((compiler.compileStandardWrapper ?? compiler.compile)(JSON.stringify(input)));
  const failed = (output.errors ?? []).filter((error) => error.severity === "error");
  if (failed.length > 0) throw new Error(failed.map((error) => error.formattedMessage).join("\n"));
  return (name) => output.contracts[file][name].evm.deployedBytecode.object;
}

/** What the corpora call it: `category/rule`, and for a honeypot the rule as subtype. */
function label(what) {
  const [category, rule] = what.split("/");
  return rule ? { category, subtype: rule.replaceAll("-", "_") } : { category };
}

const lines = [];
for (const file of readdirSync(folder).sort()) {
  const text = readFileSync(new URL(file, folder), "utf8");
  const versions = /^\/\/@ compilers (.+)$/m.exec(text)[1].split(" ");
  for (const version of versions) {
    for (const optimised of [false, true]) {
      const runtime = compile(version, file, text, optimised);
      for (const { kind, what, name } of labelled(text)) {
        const entry = {
          id: `regression/${file.replace(".sol", "")}/${name}/${version}/${optimised ? "optimised" : "plain"}`,
          contract_name: name,
          source: file,
          solc: version,
          labels: kind === "vulnerable" ? [label(what)] : [],
          absent: kind === "absent" ? [label(what)] : [],
          benign: kind === "benign",
          runtime_bytecode: "0x" + runtime(name),
        };
        lines.push(JSON.stringify(entry));
      }
    }
  }
}
writeFileSync(new URL("contracts.jsonl", import.meta.url), lines.join("\n") + "\n");
console.log(`${lines.length} builds`);
