-- SPDX-License-Identifier: GPL-2.0-or-later
-- Work for LuaJIT whose printed result is the same on every processor: each line is a part that its traces get hot on.
local bit, ffi = require 'bit', require 'ffi'

local function mix(x)
  x = bit.bxor(x, bit.rshift(x, 15))
  x = bit.tobit(x * 0x2c1b)
  x = bit.bxor(x, bit.rshift(x, 12))
  return bit.tobit(x * 0x297a + 0x1234567)
end

local function integers()
  local sum = 0
  for i = 1, 60000000 do
    sum = mix(bit.tobit(sum + i))
  end
  local n64 = 1ULL
  for i = 1, 20000000 do
    n64 = n64 * 6364136223846793005ULL + i
  end
  return sum, tostring(n64)
end

local function floats()
  local n, width = 0, 600
  for py = 0, width - 1 do
    for px = 0, width - 1 do
      local cr, ci, zr, zi, i = px / width * 3 - 2, py / width * 2 - 1, 0, 0, 0
      while i < 60 and zr * zr + zi * zi < 4 do
        zr, zi, i = zr * zr - zi * zi + cr, 2 * zr * zi + ci, i + 1
      end
      n = n + i
    end
  end
  local a = ffi.new('double[1000]')
  for round = 1, 20000 do
    for i = 0, 999 do
      a[i] = a[i] * 0.5 + i / round
    end
  end
  local sum = 0
  for i = 0, 999 do
    sum = sum + math.sqrt(a[i])
  end
  return n, string.format('%a', sum)
end

local function tables()
  local t, sum = {}, 0
  for i = 1, 2000000 do
    local k = mix(i) % 10007
    t[k] = (t[k] or 0) + i % 13
  end
  for k = 0, 10006 do
    sum = (sum * 31 + (t[k] or 0)) % 1000003
  end
  local list = {}
  for i = 1, 200000 do
    list[i] = mix(i)
  end
  table.sort(list)
  local objects = setmetatable({}, { __index = function(_, k) return k * 2 end })
  for i = 1, 5000000 do
    sum = (sum + objects[i]) % 1000003
  end
  return sum, list[1], list[100000], list[200000]
end

local function strings()
  local parts = {}
  for i = 1, 200000 do
    parts[i] = string.format('%x-%d', bit.band(mix(i), 0xffff), i % 17)
  end
  local text = table.concat(parts, ' ')
  local n, sum = 0, 0
  for a, b in text:gmatch('(%x+)%-(%d+)') do
    n, sum = n + #a, sum + tonumber(b)
  end
  return n, sum, #text:gsub('%-1%d', '')
end

local function coroutines()
  local function gen(n)
    return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)
  end
  local sum = 0
  for i in gen(2000000) do
    sum = (sum + i * 3) % 65521
  end
  local caught = 0
  for i = 1, 300000 do
    if not pcall(function() local x = i % 2 == 0 and {} or nil; x.y = 1 end) then caught = caught + 1 end
  end
  return sum, caught
end

local function compiled()
  local sum = 0
  for i = 1, 2000 do      -- each a trace of its own, until the compiler's memory is flushed
    sum = sum + assert(loadstring(('local s = %d for j = 1, 3000 do s = (s * %d + j) %% 1000003 end return s'):format(i, i % 90 + 3)))()
  end
  return sum
end

for _, part in ipairs { { 'integers', integers }, { 'floats', floats }, { 'tables', tables }, { 'strings', strings },
                        { 'coroutines', coroutines }, { 'compiled', compiled } } do
  print(part[1], part[2]())
end
