-- wrk -s ask.lua URL -- METHOD TARGET [BODY]
-- Each "{}" in TARGET becomes a number from 1 to 10000, random as users are and the same in every run.

local requests, latest = {}, 0

local function next_request()
  latest = latest % #requests + 1
  return requests[latest]
end

function init(args)
  local target = args[2]
  wrk.method, wrk.body = args[1], args[3]
  if target:find("{}", 1, true) then
    math.randomseed(0)
    for index = 1, 10000 do
      requests[index] = wrk.format(nil, (target:gsub("{}", tostring(math.random(10000)))))
    end
    request = next_request
  else
    wrk.path = target -- wrk makes its one request from this after init
  end
end

function done(summary)
  io.write(string.format("Received %d bytes in %d us\n", summary.bytes, summary.duration))
end
