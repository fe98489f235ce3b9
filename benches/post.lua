-- Sends `POST` with a body in which `{n}` is replaced by a different number each time, and with a new
-- Idempotency-Key. Arguments: a file with one body per line, the token, the path, a name for the round.
local report = dofile(os.getenv("BENCH_DIR") .. "/report.lua")
local bodies, headers, path, round, count = {}, {}, "", "", 0
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  for body in io.lines(args[1]) do bodies[#bodies + 1] = body end
  headers = { Authorization = "Bearer " .. args[2], ["Content-Type"] = "application/json" }
  path, round = args[3], args[4]
end

function request()
  count = count + 1
  local name = round .. "t" .. number .. "c" .. count
  headers["Idempotency-Key"] = path .. name
  local body = bodies[count % #bodies + 1]:gsub("{n}", name)
  return wrk.format("POST", path, headers, body)
end

done = report
