-- Sends the requests of a file, one after the other, after as many as were sent before, and says how it went. A line of
-- the file: method, path, credential and body, with tabs between them.
local requests, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, credential, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = {}
    if credential ~= "" then headers["Authorization"] = "Bearer " .. credential end
    if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
  at = tonumber(arguments[2]) % #requests
end

-- wrk asks for one more before the others, and does not send it.
function request()
  at = at % #requests + 1
  return requests[at]
end

-- Where nobody asks for a pause there is no function, which would cost time.
local pause = tonumber(os.getenv("PAUSE") or "0")
if pause > 0 then
  function delay() return pause end
end

function done(summary, latency)
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency:percentile(99.9), summary.errors.status, lost))
end
