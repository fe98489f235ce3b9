-- Checks in and out of one visit after the other. Each thread has one connection and acts as a user
-- of its own. Arguments: a folder with a file of tokens, a file of ids for each thread and a file
-- with the two bodies; a name for the round.
local report = dofile(os.getenv("BENCH_DIR") .. "/report.lua")
local ids, bodies, headers, round, count = {}, {}, {}, "", 0
local threads, asked = 0, false

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  local place = 0
  for token in io.lines(args[1] .. "/tokens") do
    place = place + 1
    if place == number then headers["Authorization"] = "Bearer " .. token end
  end
  for id in io.lines(args[1] .. "/ids." .. number) do ids[#ids + 1] = id end
  for body in io.lines(args[1] .. "/bodies") do bodies[#bodies + 1] = body end
  headers["Content-Type"], round = "application/json", args[2]
end

function request()
  -- wrk calls this function once on the first thread before it starts, and does not send the result.
  if number == 1 and not asked then
    asked = true
    return wrk.format("GET", "/health/live")
  end
  local visit = ids[math.floor(count / 2) + 1]
  local step = count % 2
  count = count + 1
  headers["Idempotency-Key"] = "check" .. round .. "t" .. number .. "c" .. count
  local path = "/api/v1/visits/" .. visit .. (step == 0 and "/check-in" or "/check-out")
  return wrk.format("POST", path, headers, bodies[step + 1])
end

done = report
