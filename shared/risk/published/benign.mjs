// Writes ../benign/requests.jsonl: what honest applications ask a wallet for, from published ABIs and deployments.
//   npm i --ignore-scripts && npm run benign
// Accounts of people are hashes of their number; nothing is random, so the file is the same each time.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { AbiCoder, Interface, getAddress, id, solidityPacked } from "ethers";

const require = createRequire(import.meta.url);
const core = require("@uniswap/sdk-core");
const permit2 = require("@uniswap/permit2-sdk");
const universal = require("@uniswap/universal-router-sdk");
const seaport = require("@opensea/seaport-js/lib/constants.js");
const seaportAbi = require("@opensea/seaport-js/lib/abi/Seaport.js");
const safe = require("@safe-global/safe-deployments");
const aave = require("@bgd-labs/aave-address-book");
const v2 = require("@uniswap/v2-periphery/build/IUniswapV2Router02.json");

const CHAINS = [1, 10, 137, 8453, 42161, 43114];
const NAMES = { 1: "Ethereum", 10: "Optimism", 137: "Polygon", 8453: "Base", 42161: "Arbitrum", 43114: "Avalanche" };
const ASKED_S = 1795254040; // 2026-11-21, when the set was made
const person = (number) => getAddress("0x" + id(`person ${number}`).slice(26));
const me = person(0);
const requests = [];
const counts = {};

function ask(kind, chain, method, params, more = {}) {
  counts[kind] = (counts[kind] ?? 0) + 1;
  requests.push({ id: `${kind}:${chain}:${counts[kind]}`, class: "neutral", label: "benign", lists_only: false, chain, from: me, method, params, ...more });
}
const send = (kind, chain, to, data = "0x", value = 0n, more = {}) =>
  ask(kind, chain, "eth_sendTransaction", { from: me, to, value: "0x" + BigInt(value).toString(16), data }, more);
const sign = (kind, chain, domain, types, primaryType, message) => {
  const kindOf = { name: "string", version: "string", chainId: "uint256", verifyingContract: "address", salt: "bytes32" };
  const EIP712Domain = Object.keys(kindOf).filter((name) => name in domain).map((name) => ({ name, type: kindOf[name] }));
  const plain = JSON.parse(JSON.stringify(message, (_, value) => (typeof value === "bigint" ? value.toString() : value?._isBigNumber ? value.toString() : value?.type === "BigNumber" ? BigInt(value.hex).toString() : value)));
  ask(kind, chain, "eth_signTypedData_v4", { types: { EIP712Domain, ...types }, primaryType, domain, message: plain });
};

const erc20 = new Interface([
  "function approve(address spender,uint256 amount)", "function transfer(address to,uint256 amount)",
  "function deposit()", "function withdraw(uint256 amount)", "function increaseAllowance(address spender,uint256 added)",
]);
const nft = new Interface([
  "function setApprovalForAll(address operator,bool approved)",
  "function safeTransferFrom(address from,address to,uint256 id)", "function approve(address spender,uint256 id)",
]);
const pool = new Interface([
  "function supply(address asset,uint256 amount,address onBehalfOf,uint16 referralCode)",
  "function withdraw(address asset,uint256 amount,address to)",
  "function borrow(address asset,uint256 amount,uint256 interestRateMode,uint16 referralCode,address onBehalfOf)",
  "function repay(address asset,uint256 amount,uint256 interestRateMode,address onBehalfOf)",
  "function setUserUseReserveAsCollateral(address asset,bool useAsCollateral)",
]);
const gateway = new Interface(["function depositETH(address pool,address onBehalfOf,uint16 referralCode)"]);
const router02 = new Interface([
  "function exactInputSingle((address tokenIn,address tokenOut,uint24 fee,address recipient,uint256 amountIn,uint256 amountOutMinimum,uint160 sqrtPriceLimitX96) params)",
  "function unwrapWETH9(uint256 amountMinimum,address recipient)",
  "function multicall(uint256 deadline,bytes[] data)",
]);
const routerAbi = new Interface(["function execute(bytes commands,bytes[] inputs,uint256 deadline)"]);
const v2Router = new Interface(v2.abi);
const market = { 1: aave.AaveV3Ethereum, 10: aave.AaveV3Optimism, 137: aave.AaveV3Polygon, 8453: aave.AaveV3Base, 42161: aave.AaveV3Arbitrum, 43114: aave.AaveV3Avalanche };
const MAX = (1n << 256n) - 1n;
const soon = BigInt(ASKED_S + 1800);

for (const chain of CHAINS) {
  const { ASSETS, POOL, WETH_GATEWAY } = market[chain];
  const assets = Object.entries(ASSETS);
  const tokens = assets.slice(0, 6).map(([, asset]) => asset.UNDERLYING);
  const usdc = (ASSETS.USDCn ?? ASSETS.USDC).UNDERLYING;
  const weth = core.WETH9[chain]?.address ?? ASSETS.WAVAX?.UNDERLYING ?? ASSETS.WETHe.UNDERLYING;
  const P2 = permit2.permit2Address(chain);
  const UR = universal.UNIVERSAL_ROUTER_ADDRESS("2.0", chain);
  const SR = core.SWAP_ROUTER_02_ADDRESSES(chain);
  const V2 = core.V2_ROUTER_ADDRESSES[chain];
  const swapper = SR;

  // Rights for known spenders.
  for (const token of tokens.slice(0, 3)) send("approve-permit2", chain, token, erc20.encodeFunctionData("approve", [P2, MAX]));
  for (const token of tokens.slice(3, 5)) send("approve-pool", chain, token, erc20.encodeFunctionData("approve", [POOL, 25_000_000n]));
  send("approve-pool-all", chain, usdc, erc20.encodeFunctionData("approve", [POOL, MAX]));
  send("approve-router", chain, usdc, erc20.encodeFunctionData("approve", [swapper, 1_000_000_000n]));
  send("increase-allowance", chain, usdc, erc20.encodeFunctionData("increaseAllowance", [V2, 5_000_000n]));
  send("revoke", chain, usdc, erc20.encodeFunctionData("approve", [person(90 + chain), 0n]));
  const collection = person(1000 + chain);
  send("operator-conduit", chain, collection, nft.encodeFunctionData("setApprovalForAll", [seaport.OPENSEA_CONDUIT_ADDRESS, true]));
  send("operator-revoke", chain, collection, nft.encodeFunctionData("setApprovalForAll", [person(91 + chain), false]));
  send("nft-transfer", chain, collection, nft.encodeFunctionData("safeTransferFrom", [me, person(3 + chain), 77n]));

  // Payments.
  for (const number of [1, 2, 3]) {
    send("token-transfer", chain, tokens[number], erc20.encodeFunctionData("transfer", [person(number * 7 + chain), 1_500_000n * BigInt(number)]));
    send("coin-transfer", chain, person(number * 11 + chain), "0x", 10n ** 16n * BigInt(number));
  }
  send("wrap", chain, weth, erc20.encodeFunctionData("deposit"), 10n ** 17n);
  send("unwrap", chain, weth, erc20.encodeFunctionData("withdraw", [10n ** 17n]));

  // Swaps.
  const [one, two] = [usdc, weth];
  send("swap-v2", chain, V2, v2Router.encodeFunctionData("swapExactTokensForTokens", [10n ** 8n, 3n * 10n ** 16n, [one, two], me, soon]));
  send("swap-v2-coins", chain, V2, v2Router.encodeFunctionData("swapExactETHForTokens", [10n ** 8n, [two, one], me, soon]), 10n ** 17n);
  send("liquidity-v2", chain, V2, v2Router.encodeFunctionData("addLiquidity", [one, two, 10n ** 8n, 10n ** 17n, 9n * 10n ** 7n, 9n * 10n ** 16n, me, soon]));
  const single = router02.encodeFunctionData("exactInputSingle", [[one, two, 500, me, 10n ** 8n, 3n * 10n ** 16n, 0]]);
  send("swap-v3", chain, swapper, router02.encodeFunctionData("multicall", [soon, [single]]));
  const held = router02.encodeFunctionData("exactInputSingle", [[one, two, 500, "0x0000000000000000000000000000000000000002", 10n ** 8n, 3n * 10n ** 16n, 0]]);
  send("swap-v3-unwrap", chain, swapper, router02.encodeFunctionData("multicall", [soon, [held, router02.encodeFunctionData("unwrapWETH9", [3n * 10n ** 16n, me])]]));
  const planner = new universal.RoutePlanner();
  planner.addCommand(universal.CommandType.V3_SWAP_EXACT_IN, ["0x0000000000000000000000000000000000000001", (10n ** 8n).toString(), (3n * 10n ** 16n).toString(), solidityPacked(["address", "uint24", "address"], [one, 500, two]), true]);
  send("swap-universal", chain, UR, routerAbi.encodeFunctionData("execute", [planner.commands, planner.inputs, soon]));

  // Aave.
  send("supply", chain, POOL, pool.encodeFunctionData("supply", [usdc, 5_000_000n, me, 0]));
  send("withdraw", chain, POOL, pool.encodeFunctionData("withdraw", [usdc, MAX, me]));
  send("borrow", chain, POOL, pool.encodeFunctionData("borrow", [usdc, 1_000_000n, 2, 0, me]));
  send("repay", chain, POOL, pool.encodeFunctionData("repay", [usdc, MAX, 2, me]));
  send("collateral", chain, POOL, pool.encodeFunctionData("setUserUseReserveAsCollateral", [usdc, true]));
  send("supply-coins", chain, WETH_GATEWAY, gateway.encodeFunctionData("depositETH", [POOL, me, 0]), 10n ** 17n);

  // Signed permissions for known spenders.
  const PERMIT = { Permit: ["owner:address", "spender:address", "value:uint256", "nonce:uint256", "deadline:uint256"].map((field) => ({ name: field.split(":")[0], type: field.split(":")[1] })) };
  const dollar = { name: "USD Coin", version: "2", chainId: chain, verifyingContract: usdc };
  sign("permit-pool", chain, dollar, PERMIT, "Permit", { owner: me, spender: POOL, value: 5_000_000n, nonce: 0, deadline: soon });
  sign("permit-router", chain, dollar, PERMIT, "Permit", { owner: me, spender: UR, value: 7_000_000n, nonce: 1, deadline: soon });
  const details = (token) => ({ token, amount: permit2.MaxUint160.toString(), expiration: ASKED_S + 2_592_000, nonce: 0 });
  const single2 = permit2.AllowanceTransfer.getPermitData({ details: details(usdc), spender: UR, sigDeadline: soon.toString() }, P2, chain);
  sign("permit2-single", chain, single2.domain, single2.types, "PermitSingle", single2.values);
  const batch2 = permit2.AllowanceTransfer.getPermitData({ details: [details(usdc), details(weth)], spender: UR, sigDeadline: soon.toString() }, P2, chain);
  sign("permit2-batch", chain, batch2.domain, batch2.types, "PermitBatch", batch2.values);
  const transfer2 = permit2.SignatureTransfer.getPermitData({ permitted: { token: usdc, amount: "1000000" }, spender: UR, nonce: "5", deadline: soon.toString() }, P2, chain);
  sign("permit2-transfer", chain, transfer2.domain, transfer2.types, "PermitTransferFrom", transfer2.values);

  // Seaport.
  const eth = (amount, recipient) => ({ itemType: 0, token: "0x0000000000000000000000000000000000000000", identifierOrCriteria: "0", startAmount: amount, endAmount: amount, recipient });
  const piece = (number) => ({ itemType: 2, token: collection, identifierOrCriteria: String(number), startAmount: "1", endAmount: "1" });
  const order = (offer, consideration, number) => ({
    offerer: me, zone: "0x0000000000000000000000000000000000000000", offer, consideration, orderType: 0, startTime: String(ASKED_S), endTime: String(ASKED_S + 604_800),
    zoneHash: "0x" + "00".repeat(32), salt: id(`salt ${number}`), conduitKey: seaport.OPENSEA_CONDUIT_KEY, counter: "0",
  });
  const seaportAt = { name: "Seaport", version: "1.6", chainId: chain, verifyingContract: seaport.CROSS_CHAIN_SEAPORT_V1_6_ADDRESS };
  const fees = getAddress("0x" + id("fees").slice(26));
  sign("listing", chain, seaportAt, seaport.EIP_712_ORDER_TYPE, "OrderComponents", order([piece(7)], [eth("975000000000000000", me), eth("25000000000000000", fees)], 1));
  sign("listing-cheap", chain, seaportAt, seaport.EIP_712_ORDER_TYPE, "OrderComponents", order([piece(8)], [eth("9750000000000000", me), eth("250000000000000", fees)], 2));
  const paid = { itemType: 1, token: weth, identifierOrCriteria: "0", startAmount: "500000000000000000", endAmount: "500000000000000000" };
  sign("bid", chain, seaportAt, seaport.EIP_712_ORDER_TYPE, "OrderComponents", order([paid], [{ ...piece(9), recipient: me }, { ...paid, startAmount: "12500000000000000", endAmount: "12500000000000000", recipient: fees }], 3));
  const two1 = [order([piece(10)], [eth("300000000000000000", me)], 4), order([piece(11)], [eth("310000000000000000", me)], 5)];
  sign("listing-bulk", chain, seaportAt, { ...seaport.EIP_712_BULK_ORDER_TYPE, BulkOrder: [{ name: "tree", type: "OrderComponents[2]" }] }, "BulkOrder", { tree: two1 });
  const seaportInterface = new Interface(seaportAbi.SeaportABI);
  send("seaport-counter", chain, seaport.CROSS_CHAIN_SEAPORT_V1_6_ADDRESS, seaportInterface.encodeFunctionData("incrementCounter"));

  // Safe: transactions of one's own Safe, and calls of it.
  const mine = getAddress("0x" + id(`safe ${chain}`).slice(26));
  const SAFE_TX = { SafeTx: [["to", "address"], ["value", "uint256"], ["data", "bytes"], ["operation", "uint8"], ["safeTxGas", "uint256"], ["baseGas", "uint256"], ["gasPrice", "uint256"], ["gasToken", "address"], ["refundReceiver", "address"], ["nonce", "uint256"]].map(([name, type]) => ({ name, type })) };
  const zero = "0x0000000000000000000000000000000000000000";
  const safeTx = (to, value, data, operation) => ({ to, value, data, operation, safeTxGas: "0", baseGas: "0", gasPrice: "0", gasToken: zero, refundReceiver: zero, nonce: 12 });
  const safeAt = { chainId: chain, verifyingContract: mine };
  sign("safe-pay", chain, safeAt, SAFE_TX, "SafeTx", safeTx(person(40 + chain), "20000000000000000", "0x", 0));
  sign("safe-token", chain, safeAt, SAFE_TX, "SafeTx", safeTx(usdc, "0", erc20.encodeFunctionData("transfer", [person(41 + chain), 9_000_000n]), 0));
  const batcher = safe.getMultiSendCallOnlyDeployment({ network: String(chain), version: "1.3.0" }).networkAddresses[String(chain)];
  const packed = [[usdc, erc20.encodeFunctionData("approve", [POOL, 5_000_000n])], [POOL, pool.encodeFunctionData("supply", [usdc, 5_000_000n, mine, 0])]]
    .map(([to, data]) => solidityPacked(["uint8", "address", "uint256", "uint256", "bytes"], [0, to, 0, (data.length - 2) / 2, data]).slice(2)).join("");
  const multi = new Interface(["function multiSend(bytes transactions)"]);
  sign("safe-batch", chain, safeAt, SAFE_TX, "SafeTx", safeTx(batcher, "0", multi.encodeFunctionData("multiSend", ["0x" + packed]), 1));
  sign("safe-message", chain, safeAt, { SafeMessage: [{ name: "message", type: "bytes" }] }, "SafeMessage", { message: id("hello") });

  // Signing in.
  const site = ["app.uniswap.org", "opensea.io", "app.aave.com"][chain % 3];
  ask("sign-in", chain, "personal_sign", { message: `${site} wants you to sign in with your Ethereum account:\n${me}\n\nSign in to ${site} on ${NAMES[chain]}.\n\nURI: https://${site}\nVersion: 1\nChain ID: ${chain}\nNonce: 32891757\nIssued At: 2026-11-21T09:40:40.000Z\nExpiration Time: 2026-11-21T10:40:40.000Z` }, { origin: site });
  ask("terms", chain, "personal_sign", { message: "I have read the terms of use and confirm that this account is mine. Nonce: 5541." }, { origin: site });
  sign("mail", chain, { name: "Ether Mail", version: "1", chainId: chain, verifyingContract: person(60 + chain) }, { Person: [{ name: "name", type: "string" }, { name: "wallet", type: "address" }], Mail: [{ name: "from", type: "Person" }, { name: "to", type: "Person" }, { name: "contents", type: "string" }] }, "Mail", { from: { name: "Ann", wallet: me }, to: { name: "Ben", wallet: person(61) }, contents: "Hello" });
}
// Honest, and known to no registry of ours: what a new protocol would look like.
for (const [number, module] of [aave.UmbrellaEthereum, aave.GhoEthereum, aave.AaveSafetyModule].entries()) {
  const spenders = Object.entries(module).filter(([, value]) => typeof value === "string" && /^0x[0-9a-fA-F]{40}$/.test(value)).slice(0, 3);
  for (const [name, spender] of spenders) {
    send("approve-unregistered", 1, aave.AaveV3Ethereum.ASSETS.GHO.UNDERLYING, erc20.encodeFunctionData("approve", [spender, 1_000_000_000_000_000_000n]), 0n, { about: `module ${number}, ${name}` });
  }
}

mkdirSync(new URL("../benign/", import.meta.url), { recursive: true });
writeFileSync(new URL("../benign/requests.jsonl", import.meta.url), requests.map((request) => JSON.stringify(request) + "\n").join(""));
console.log(`${requests.length} requests of ${Object.keys(counts).length} kinds`);
