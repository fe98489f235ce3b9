-- Sends `GET` for random paths of a file, one per line. Arguments: the file, the token.
local report = dofile(os.getenv("BENCH_DIR") .. "/report.lua")
local requests = {}

function init(args)
  math.randomseed(tonumber(tostring(requests):match("0x(%x+)"), 16) % 2147483647)
  local headers = { Authorization = "Bearer " .. args[2] }
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  return requests[math.random(#requests)]
end

done = report
