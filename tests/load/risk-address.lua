-- wrk script: POST /v1/risk/address with a different address each time.
-- Usage: SCORPIUS_API_KEY=sk_live_... wrk -t2 -c8 -d20s --latency -s tests/load/risk-address.lua http://127.0.0.1:8480

local key = os.getenv("SCORPIUS_API_KEY") or ""
local counter = 0
local thread_number = 0

function setup(thread)
  thread_number = thread_number + 1
  thread:set("thread_number", thread_number)
end

request = function()
  counter = counter + 1
  local body = string.format('{"chain":"eip155:1","address":"0x%08x%032x"}', thread_number, counter)
  return wrk.format("POST", "/v1/risk/address",
    { ["X-API-Key"] = key, ["Content-Type"] = "application/json" }, body)
end

local refused = 0
response = function(status)
  if status ~= 200 then refused = refused + 1 end
end
