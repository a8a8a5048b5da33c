// Writes ../lists/published.json: contracts at the addresses that their publishers' own npm packages name.
//   npm i --ignore-scripts && npm run registry
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { getAddress } from "ethers";

const require = createRequire(import.meta.url);
const packageOf = (name) => {
  let folder = dirname(require.resolve(name));
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === name) return { ...found, folder };
    } catch {}
    folder = dirname(folder);
  }
};
const named = (name) => `npm ${name} ${packageOf(name).version}`;

export const CHAINS = [1, 10, 56, 100, 137, 8453, 42161, 43114, 59144, 534352, 11155111];
const DATE = "2026-11-21";
const rows = new Map();

function add(address, name, kind, chain, source) {
  if (!CHAINS.includes(chain) || !address || /^0x0*$/.test(address)) return;
  const key = getAddress(address);
  const row = rows.get(key);
  if (row) {
    if (!row.chains.includes(chain)) row.chains.push(chain);
    return;
  }
  rows.set(key, { address: key, name, kind, chains: [chain], source, date: DATE });
}

// Uniswap.
const core = require("@uniswap/sdk-core");
const PARTS = {
  swapRouter02Address: ["Uniswap swap router 02", "exchange"],
  nonfungiblePositionManagerAddress: ["Uniswap V3 position manager", "exchange"],
  v3CoreFactoryAddress: ["Uniswap V3 factory", "exchange"],
  v3MigratorAddress: ["Uniswap V3 migrator", "exchange"],
  v4PoolManagerAddress: ["Uniswap V4 pool manager", "exchange"],
  v4PositionManagerAddress: ["Uniswap V4 position manager", "exchange"],
};
for (const chain of CHAINS) {
  const at = core.CHAIN_TO_ADDRESSES_MAP[chain] ?? {};
  for (const [part, [name, kind]] of Object.entries(PARTS)) add(at[part], name, kind, chain, named("@uniswap/sdk-core"));
  add(core.V2_ROUTER_ADDRESSES[chain], "Uniswap V2 router 02", "exchange", chain, named("@uniswap/sdk-core"));
  add(core.V2_FACTORY_ADDRESSES[chain], "Uniswap V2 factory", "exchange", chain, named("@uniswap/sdk-core"));
  add(core.WETH9[chain]?.address, core.WETH9[chain]?.name ?? "", "wrapped-native", chain, named("@uniswap/sdk-core"));
  const router = require("@uniswap/universal-router-sdk");
  for (const version of Object.values(router.UniversalRouterVersion)) {
    try {
      add(router.UNIVERSAL_ROUTER_ADDRESS(version, chain), `Uniswap universal router ${version}`, "exchange", chain, named("@uniswap/universal-router-sdk"));
    } catch {}
  }
  add(require("@uniswap/permit2-sdk").permit2Address(chain), "Permit2", "approvals", chain, named("@uniswap/permit2-sdk"));
}

// Seaport.
const seaport = require("@opensea/seaport-js/lib/constants.js");
for (const chain of CHAINS) {
  add(seaport.CROSS_CHAIN_SEAPORT_V1_5_ADDRESS, "Seaport 1.5", "market", chain, named("@opensea/seaport-js"));
  add(seaport.CROSS_CHAIN_SEAPORT_V1_6_ADDRESS, "Seaport 1.6", "market", chain, named("@opensea/seaport-js"));
  add(seaport.OPENSEA_CONDUIT_ADDRESS, "OpenSea conduit", "market", chain, named("@opensea/seaport-js"));
}

// Safe.
const SAFE = packageOf("@safe-global/safe-deployments");
for (const version of ["v1.3.0", "v1.4.1", "v1.5.0"]) {
  const { readdirSync } = await import("node:fs");
  const folder = join(SAFE.folder, "dist/assets", version);
  for (const file of readdirSync(folder)) {
    const asset = JSON.parse(readFileSync(join(folder, file), "utf8"));
    const kind = /multi_send/.test(file) ? "safe-batch" : "safe";
    for (const chain of CHAINS) {
      for (const of of [asset.networkAddresses[chain] ?? []].flat()) {
        add(asset.deployments[of]?.address, `${asset.contractName} ${asset.version}`, kind, chain, named("@safe-global/safe-deployments"));
      }
    }
  }
}

// Aave.
const aave = require("@bgd-labs/aave-address-book");
for (const [name, market] of Object.entries(aave)) {
  if (!/^AaveV3/.test(name) || /Sepolia|Fuji|Whitelabel/.test(name) || !market.POOL) continue;
  const source = named("@bgd-labs/aave-address-book");
  const chain = market.CHAIN_ID;
  add(market.POOL, `Aave pool, ${name}`, "lending", chain, source);
  for (const part of ["WETH_GATEWAY", "REPAY_WITH_COLLATERAL_ADAPTER", "SWAP_COLLATERAL_ADAPTER", "WITHDRAW_SWAP_ADAPTER", "DEBT_SWAP_ADAPTER"]) {
    add(market[part], `Aave ${part.toLowerCase().replaceAll("_", " ")}, ${name}`, "lending", chain, source);
  }
  for (const [symbol, asset] of Object.entries(market.ASSETS)) {
    add(asset.UNDERLYING, symbol.replaceAll("_", "."), "token", chain, source);
    add(asset.A_TOKEN, `Aave deposit of ${symbol.replaceAll("_", ".")}`, "token", chain, source);
  }
}

const sorted = [...rows.values()].sort((one, two) => (one.address.toLowerCase() < two.address.toLowerCase() ? -1 : 1));
for (const row of sorted) row.chains.sort((one, two) => one - two);
const head = {
  name: "published-deployments",
  kind: "registry",
  as_of: DATE,
  about: "Contracts at the addresses that their publishers name in their own npm packages, by chain (EIP-155); made by published/registry.mjs. A row says what stands at an address; it does not say that every call to it is harmless.",
};
const text = JSON.stringify(head, null, 2).slice(0, -2) + `,\n  "rows": [\n    ${sorted.map((row) => JSON.stringify(row)).join(",\n    ")}\n  ]\n}\n`;
writeFileSync(new URL("../lists/published.json", import.meta.url), text);
console.log(`${sorted.length} contracts`);
