-- wrk -s wrk.lua URL -- SIZE LENGTH: ranges of SIZE bytes of a file of LENGTH, on their own blocks, in random order; whole files where SIZE is 0.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(arguments)
  size, length = tonumber(arguments[1]), tonumber(arguments[2])
  math.randomseed(number)
end

function request()
  if size == 0 then return wrk.format("GET") end
  local from = math.random(0, math.floor(length / size) - 1) * size
  return wrk.format("GET", nil, { Range = string.format("bytes=%d-%d", from, from + size - 1) })
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status
  print(string.format("RESULT %d %d %d %d", summary.requests, summary.bytes, summary.duration, failed))
end
