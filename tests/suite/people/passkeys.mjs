// What a page does with passkeys, in a real browser with a virtual authenticator. Started by passkeys.rs with one
// argument: {playwright, browser, profile, base, email, password, access}. It prints what it saw as one JSON document.

const asked = JSON.parse(process.argv[2]);
const { chromium } = await import(asked.playwright);

async function call(method, path, body, token) {
  const headers = { 'user-agent': 'browser/1.0' };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const answer = await fetch(asked.base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, json: text ? JSON.parse(text) : null };
}

function must(answer, status) {
  if (answer.status !== status) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.json)}`);
  return answer.json;
}

const context = await chromium.launchPersistentContext(asked.profile, {
  executablePath: asked.browser,
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const seen = { browser: context.browser()?.version() };
try {
  const page = context.pages()[0] ?? await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
    isUserVerified: true, automaticPresenceSimulation: true,
  } });
  await page.goto(`${asked.base}/healthz`);

  // The page hands what the door answered to the browser as it is, and the browser's answer to the door as it is.
  const create = (options) => page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    try { return (await navigator.credentials.create({ publicKey })).toJSON(); } catch (error) { return { refused: error.name }; }
  }, options);
  const get = (options) => page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    try { return (await navigator.credentials.get({ publicKey })).toJSON(); } catch (error) { return { refused: error.name }; }
  }, options);

  const creation = must(await call('POST', '/v1/account/passkeys/options', undefined, asked.access), 200);
  const made = await create(creation);
  const added = must(await call('POST', '/v1/account/passkeys', { name: 'laptop', credential: made }, asked.access), 201);
  seen.recovery_codes = added.recovery_codes.length;
  seen.passkey = added.passkey_id;
  seen.algorithm = made.response.publicKeyAlgorithm;
  // That session had proved a password, which does not suffice beside a passkey.
  seen.not_enough = (await call('POST', '/v1/account/passkeys', { name: 'laptop', credential: made }, asked.access)).json.code;

  const options = must(await call('POST', '/v1/auth/passkeys/options'), 200);
  const used = await get(options);
  const tokens = must(await call('POST', '/v1/auth/passkeys/sign-in', { credential: used }), 200);
  seen.signed_in = { acr: tokens.acr, amr: tokens.amr };
  seen.replayed = (await call('POST', '/v1/auth/passkeys/sign-in', { credential: used })).status;
  const access = tokens.access_token;
  seen.registered_twice = (await call('POST', '/v1/account/passkeys', { name: 'laptop', credential: made }, access)).json.code;

  const again = must(await call('POST', '/v1/account/passkeys/options', undefined, access), 200);
  seen.excluded = (await create(again)).refused;

  const half = must(await call('POST', '/v1/auth/login', { email: asked.email, password: asked.password }), 202);
  seen.factors = half.factors;
  const wrong = await get(must(await call('POST', '/v1/auth/passkeys/options'), 200));
  seen.for_something_else = (await call('POST', '/v1/auth/login/factor', { sign_in_token: half.sign_in_token, credential: wrong })).status;
  const second = await get(half.passkey);
  const whole = must(await call('POST', '/v1/auth/login/factor', { sign_in_token: half.sign_in_token, credential: second }), 200);
  seen.second_factor = { acr: whole.acr, amr: whole.amr };

  const raise = must(await call('POST', '/v1/auth/step-up/options', undefined, access), 200);
  const raised = must(await call('POST', '/v1/auth/step-up', { credential: await get(raise) }, access), 200);
  seen.raised = raised.acr;

  // A copy of the passkey, as it was before.
  const { credentials: [original] } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
  seen.counted = original.signCount;
  await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId: original.credentialId });
  await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...original, signCount: 0 } });
  const copied = await get(must(await call('POST', '/v1/auth/passkeys/options'), 200));
  seen.cloned = (await call('POST', '/v1/auth/passkeys/sign-in', { credential: copied })).status;

  // Whoever holds it cannot show that it is theirs.
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  seen.unverified = (await get(must(await call('POST', '/v1/auth/passkeys/options'), 200))).refused;
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });

  // The same host under another name is another page.
  await page.goto(`${asked.base.replace('localhost', '127.0.0.1')}/healthz`);
  seen.elsewhere = (await get(must(await call('POST', '/v1/auth/passkeys/options'), 200))).refused;

  const list = must(await call('GET', '/v1/account/passkeys', undefined, raised.access_token), 200);
  seen.listed = list.passkeys.map((it) => [it.passkey_id, it.name]);
  seen.removed = (await call('DELETE', `/v1/account/passkeys/${added.passkey_id}`, undefined, raised.access_token)).status;
  seen.gone = (await call('POST', '/v1/auth/login', { email: asked.email, password: asked.password })).status;
} finally {
  await context.close();
}
console.log(JSON.stringify(seen));
