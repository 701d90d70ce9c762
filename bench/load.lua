-- wrk's requests: many ids of one collection, so that what learns along has something to learn. One line of JSON at the end.

local requests, next = {}, 0

init = function(args)
   for id = 1, 1000 do
      requests[id] = wrk.format("GET", "/items/" .. id)
   end
end

request = function()
   next = next % #requests + 1
   return requests[next]
end

done = function(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   print(string.format('{"requests":%d,"seconds":%f,"failed":%d,"p50":%d,"p99":%d}',
      summary.requests, summary.duration / 1e6, failed, latency:percentile(50), latency:percentile(99)))
end
