// SPDX-License-Identifier: GPL-2.0-or-later
// Work for a JavaScript engine whose printed result is the same on every processor: each line is a part that gets hot.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');

function mix(x) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
    return (x ^ (x >>> 15)) >>> 0;
}

if (!isMainThread) {
    const cells = new Int32Array(workerData);
    for (let i = 0; i < 300000; i++) {
        Atomics.add(cells, i & 7, mix(i) & 15);
    }
    parentPort.postMessage('done');
    return;
}

function integers() {
    let sum = 0;
    for (let i = 0; i < 30000000; i++) {
        sum = mix(sum + i | 0) + i % 7;
    }
    return sum;
}

function bits(x) {
    const b = Buffer.alloc(8);
    b.writeDoubleBE(x);
    return b.toString('hex');
}

function floats() {
    const n = 400, a = new Float64Array(n * n), b = new Float64Array(n * n), c = new Float64Array(n * n);
    for (let i = 0; i < n * n; i++) {
        a[i] = 1 / (1 + mix(i) % 97);
        b[i] = Math.sqrt(mix(i + n) % 1009);
    }
    for (let i = 0; i < n; i++) {
        for (let k = 0; k < n; k++) {
            const f = a[i * n + k];
            for (let j = 0; j < n; j++) {
                c[i * n + j] += f * b[k * n + j];
            }
        }
    }
    let sum = 0;
    for (const x of c) {
        sum += x;
    }
    return bits(sum) + ' ' + (1e21 | 0) + ' ' + (sum * 1e9 >>> 0);
}

function objects() {
    // Shapes that change under compiled code make it bail out.
    class Point { constructor(x, y) { this.x = x; this.y = y; } len() { return this.x * this.x + this.y * this.y; } }
    class Point3 extends Point { constructor(x, y, z) { super(x, y); this.z = z; } len() { return super.len() + this.z * this.z; } }
    const all = [];
    let sum = 0;
    for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 20000; i++) {
            const p = round > 20 && i % 3 ? new Point3(i, round, 1) : new Point(i, round);
            if (round === 30 && i % 1000 === 0) {
                p.extra = 'x' + i;
                delete p.y;
                p.y = '5';
            }
            all[i] = p;
        }
        for (const p of all) {
            sum = (sum + p.len()) % 1000000007;
        }
    }
    return sum;
}

function strings() {
    const counts = new Map();
    let text = '';
    for (let i = 0; i < 200000; i++) {
        const w = 'w' + (mix(i) % 4000).toString(36);
        counts.set(w, (counts.get(w) || 0) + 1);
        if (i % 20 === 0) {
            text += w + (i % 3 ? ' ' : ', ');
        }
    }
    const top = [...counts].sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1)).slice(0, 4).join(';');
    const found = text.match(/w(?:1|2)[a-m]+,?(?= w)/g).length;
    const json = JSON.stringify({ top, counts: Object.fromEntries(counts) });
    return top + ' ' + found + ' ' + JSON.stringify(JSON.parse(json)).length + ' ' + text.replace(/w(\w)/g, (m, c) => c + m).length;
}

function digests() {
    let data = Buffer.alloc(1 << 20);
    for (let i = 0; i < data.length; i++) {
        data[i] = mix(i >> 4) >> (i & 7);
    }
    for (let i = 0; i < 12; i++) {
        const aes = crypto.createCipheriv('aes-128-cbc', data.subarray(0, 16), data.subarray(16, 32));
        aes.setAutoPadding(false);
        const out = aes.update(data);
        for (let j = 0; j < data.length; j += 5) {
            data[j] ^= out[j] & 3;
        }
    }
    const packed = zlib.deflateSync(data, { level: 6 }), plain = zlib.inflateSync(packed);
    return ['sha256', 'sha1', 'md5', 'sha3-256'].map((h) => crypto.createHash(h).update(plain).digest('hex').slice(0, 12)).join(' ') +
        ' ' + packed.length + ' ' + plain.equals(data);
}

function big() {
    let a = 0n, b = 1n;
    for (let i = 0; i < 40000; i++) {
        [a, b] = [b, a + b];
    }
    return (a % 1000000000000000003n).toString() + ' ' + a.toString(16).length;
}

function faults() {
    function deep(n) { return n === 0 ? 0 : 1 + deep(n - 1); }
    let caught = 0;
    for (let i = 0; i < 30; i++) {
        try { deep(1e9); } catch (e) { caught += e instanceof RangeError ? 1 : 0; }
    }
    for (let i = 0; i < 200000; i++) {
        try { null.x = (i & 1) ? undefined.y : 1; } catch (e) { caught++; }
    }
    return caught;
}

function* numbers(n) {
    for (let i = 0; i < n; i++) {
        yield mix(i);
    }
}

function generators() {
    let sum = 0;
    for (const x of numbers(1000000)) {
        sum = (sum + x) % 65521;
    }
    return sum;
}

function compiled() {
    // Functions made from text while it runs: code is generated and thrown away all the time.
    let sum = 0;
    for (let i = 0; i < 400; i++) {
        const f = new Function('n', `let s = ${i}; for (let j = 0; j < n; j++) { s = (s * ${i + 3} + j) % 1000003; } return s;`);
        sum += f(20000);
    }
    return sum;
}

function wasm() {
    // (func (param $n i32) (result i32) (local $s i32) (loop (local.set $s (i32.add (i32.mul $s 31) $n))
    //   (br_if 0 (local.tee $n (i32.sub $n 1)))) $s)
    const code = [0x01, 0x01, 0x7f, 0x03, 0x40, 0x20, 1, 0x41, 31, 0x6c, 0x20, 0, 0x6a, 0x21, 1, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0,
        0x0d, 0, 0x0b, 0x20, 1, 0x0b];
    const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0,
        10, code.length + 2, 1, code.length, ...code]);
    const f = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f;
    return f(200000000);
}

async function threads() {
    const shared = new SharedArrayBuffer(32);
    await Promise.all([0, 1, 2, 3].map(() => new Promise((resolve, reject) => {
        new Worker(__filename, { workerData: shared }).on('message', resolve).on('error', reject);
    })));
    return new Int32Array(shared).join(' ');
}

async function main() {
    for (const part of [integers, floats, objects, strings, digests, big, faults, generators, compiled, wasm, threads]) {
        console.log(part.name, await part());
    }
}
main();
