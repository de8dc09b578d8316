-- For wrk: posts the lines of the file BODIES, one after the other, as the media type TYPE.
local bodies, turn = {}, 0
for line in io.lines(os.getenv("BODIES")) do
  bodies[#bodies + 1] = line
end
local headers = { ["Content-Type"] = os.getenv("TYPE") }

function request()
  turn = turn % #bodies + 1
  return wrk.format("POST", nil, headers, bodies[turn])
end
