// servers.mjs: what is measured, each behind an nginx of its own, of one worker if nothing else is said: Longline, the
// floors, the peers.
//
// A server here is {name, port, groups, memory(), errors(), stop()}; groups are its processes, by what they are, errors() what
// its nginx said last.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { child, client, freePort, metric, request, root, start, tempDir, until } from '../e2e/harness.mjs';
import { descendants, memory } from '../e2e/load.mjs';
import { snippets } from '../e2e/nginx.mjs';
import { cpus } from './generator.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

const used = (groups) => Object.fromEntries(Object.entries(groups).map(([name, pids]) =>
	[name, pids.reduce((sum, pid) => sum + memory(pid), 0)]));

const lastLines = (file) => fs.readFileSync(file, 'utf8').split('\n').slice(-6).join('\n');

/** Longline as scripts/run starts it; `daemon` is another program in longlined's place. */
export async function longline({ name = 'longline', daemon, flags, env = {}, dataDir, workers = 1, inherited = false } = {}) {
	const more = inherited ? { LONGLINED: path.join(root, 'tests/e2e/listen.pl'), REAL_LONGLINED: path.join(root, 'build/longlined') }
		: daemon ? { LONGLINED: daemon } : {};
	const server = await start({ script: path.join(here, 'pinned'), workers, flags, dataDir, env: { BENCH_SERVERS: cpus.servers, ...more, ...env } });
	const groups = () => ({ nginx: descendants(server.proc.pid, 'nginx'), daemon: [server.pid()] });
	return Object.assign(server, {
		name, groups: groups(), memory: () => used(groups()),
		errors: () => lastLines(path.join(server.dataDir, 'log/error.log')),
	});
}

/** Longline that tells what it has of malloc: `heap()`, in bytes. */
export async function heaped(options = {}) {
	const dir = tempDir('longline-bench-'), file = path.join(dir, 'heap');
	fs.chmodSync(dir, 0o777); // scripts/run may leave the daemon to another user
	const server = await longline({ ...options, daemon: path.join(root, 'build/bench/longlined-heap'), env: { HEAP_FILE: file } });
	return Object.assign(server, { heap: () => Number(fs.readFileSync(file, 'utf8')) });
}

/** An epoll loop in memory in the daemon's place: the least that any server behind this nginx can take. */
export const floor = ({ name = 'floor' } = {}) => longline({ name, daemon: path.join(root, 'build/bench/floor') });

const module = (file) => {
	const folder = /--modules-path=(\S+)/.exec(spawnSync('nginx', ['-V'], { encoding: 'utf8' }).stderr)?.[1];
	const found = folder && path.join(folder, file);
	return found && fs.existsSync(found) ? found : undefined;
};

/** The same settings as scripts/run gives its nginx, where they matter. */
const conf = ({ port, modules = [], workers = 1, http = '', locations }) => `
${process.getuid() ? '' : 'user root;'}
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid nginx.pid;
${modules.map((file) => `load_module ${file};`).join('\n')}
events { worker_connections 40960; }
http {
	access_log off;
	server_tokens off;
	tcp_nopush on;
	keepalive_requests 1000000;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	client_header_buffer_size 2k;
	client_body_buffer_size 128k;
	${http}
	server {
		listen 127.0.0.1:${port} reuseport backlog=65535;
		${locations}
	}
}
`;

async function nginx(name, { behind, ...parts }) {
	const dir = tempDir('longline-bench-'), port = parts.port ?? await freePort();
	fs.chmodSync(dir, 0o755);
	const others = behind ? behind(dir) : {};
	fs.writeFileSync(path.join(dir, 'nginx.conf'), conf({ port, ...parts }));
	const web = child('taskset', ['-c', cpus.servers, 'nginx', '-e', 'error.log', '-p', dir, '-c', 'nginx.conf', '-g', 'daemon off;'], { cwd: dir });
	const url = `http://127.0.0.1:${port}`;
	await until(async () => web.done || (await request(`${url}/healthz`).catch(() => ({ status: 502 }))).status !== 502, { what: `${name} to serve` });
	if (web.done)
		throw new Error(`${name}: nginx ended: ${web.output}`);
	const groups = { nginx: [web.pid, ...descendants(web.pid, 'nginx')], ...Object.fromEntries(Object.entries(others).map(([key, proc]) => [key, [proc.pid]])) };
	return {
		name, port, url, dir, groups, memory: () => used(groups), errors: () => lastLines(path.join(dir, 'error.log')),
		async stop() {
			web.signal('SIGTERM');
			Object.values(others).forEach((proc) => proc.signal('SIGTERM'));
			await web.ended;
			fs.rmSync(dir, { recursive: true, force: true });
		},
	};
}

/**
 * Longline where those who come are not all of this machine: nginx believes X-Forwarded-For of a proxy, who is whoever asks,
 * so one program is as many strangers as it says. The site is that of site-example.conf: TLS with HTTP/2 (at tlsPort), and
 * longline-limits.conf, unless `bare`.
 */
export async function site({ name = 'longline', daemon: program = 'build/longlined', flags = '', dataDir, workers = 1, bare = false } = {}) {
	const parts = snippets({ socket: 'longlined.sock' }), port = await freePort(), db = dataDir && path.join(dataDir, 'longline.db');
	let tlsPort = port;
	while (tlsPort === port)
		tlsPort = await freePort();
	const server = await nginx(name, {
		port, workers,
		behind(dir) {
			execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'cert.pem'], { cwd: dir, stdio: 'ignore' });
			return { daemon: child('taskset', ['-c', cpus.servers, path.join(root, program), '--socket', 'longlined.sock', '--database', db ?? 'longline.db', ...flags.split(' ').filter(Boolean)], { cwd: dir }) };
		},
		http: parts.http,
		locations: `
		listen 127.0.0.1:${tlsPort} ssl http2 reuseport backlog=16384;
		ssl_certificate cert.pem; ssl_certificate_key key.pem;
		set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; real_ip_recursive on;
		${parts.server}
		${bare ? '' : parts.limits}`,
	});
	const [daemon] = server.groups.daemon, ask = client(server.url);
	return Object.assign(server, ask, { tlsPort, db: db ?? path.join(server.dir, 'longline.db'), pid: () => daemon, metric: (pattern) => metric(ask, pattern) });
}

/** nginx alone, that answers everything with these bytes. */
export const alone = (bytes = 'ok') => nginx('nginx', { locations: `location / { default_type application/json; return 200 '${bytes}'; }` });

/** nchan inside nginx; undefined where it is not installed. */
export async function nchan({ name = 'nchan' } = {}) {
	const file = module('ngx_nchan_module.so'), subscriber = 'nchan_channel_id chat; nchan_subscriber_first_message newest; nchan_subscriber_timeout 0;';
	return file && nginx(name, {
		modules: [file],
		http: 'nchan_shared_memory_size 256M;',
		locations: `
		location = /pub { nchan_publisher http; nchan_channel_id chat; nchan_message_buffer_length 1000; nchan_message_timeout 10m; }
		location = /sub { nchan_subscriber longpoll; ${subscriber} }
		location = /ws { nchan_subscriber websocket; ${subscriber} }
		location = /events { nchan_subscriber eventsource; ${subscriber} }
		location = /healthz { return 200; }`,
	});
}

/** npm's Socket.IO server, by polling or by WebSocket alone; undefined where it is not installed. */
export async function reference({ name = 'reference', transport = 'polling' } = {}) {
	const websocket = transport === 'websocket';
	if (!fs.existsSync(path.join(here, 'node_modules/socket.io')))
		return undefined;
	return nginx(name, {
		behind: (dir) => ({ daemon: child('taskset', ['-c', cpus.servers, process.execPath, path.join(here, 'reference.cjs'), 'node.sock', transport], { cwd: dir }) }),
		http: `upstream node { server unix:node.sock; keepalive 20000; keepalive_requests 1000000; }
		map $http_upgrade $longline_connection { default upgrade; "" ""; }`,
		locations: `
		location / {
			proxy_pass http://node;
			proxy_http_version 1.1;
			proxy_set_header Connection ${websocket ? '$longline_connection' : '""'};
			${websocket ? 'proxy_set_header Upgrade $http_upgrade;' : ''}
			proxy_set_header Host $http_host;
			proxy_buffering off;
			proxy_buffer_size ${websocket ? '4k' : '16k'};
			proxy_buffers 16 16k;
			proxy_busy_buffers_size 32k;
			proxy_read_timeout 75s;
		}`,
	});
}

const said = (command, ...args) => {
	const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
	return `${stdout ?? ''}${stderr ?? ''}`;
};

/** CPU seconds of all, and of this program and what it has started and outlived, so far. */
function usedSeconds() {
	const numbers = (file, from) => fs.readFileSync(file, 'utf8').split('\n')[0].replace(/^.*\) /, 'x ').split(/\s+/).slice(from).map(Number);
	const [user, nice, system, , , irq, soft, steal] = numbers('/proc/stat', 1);
	const own = numbers('/proc/self/stat', 1);
	return { all: (user + nice + system + irq + soft + steal) / 100, own: (own[11] + own[12] + own[13] + own[14]) / 100 };
}

/** How much of one CPU others used while fn ran: what tells whether its figures can be believed. */
export async function quiet(fn) {
	const before = usedSeconds(), began = performance.now();
	const result = await fn();
	const after = usedSeconds();
	const elsewhere = (after.all - before.all - (after.own - before.own)) / ((performance.now() - began) / 1000);
	return { ...result, elsewhere: Number(Math.max(0, elsewhere).toFixed(2)) };
}

/** The machine and the versions, without names of either. */
export function about() {
	const cpuinfo = fs.readFileSync('/proc/cpuinfo', 'utf8');
	const disk = said('findmnt', '-n', '-o', 'FSTYPE,MAJ:MIN', '-T', tempDir()).trim().split(/\s+/);
	const block = `/sys/dev/block/${disk[1]}`;
	let kind = 'unknown disk'; // a file system in memory, say
	if (fs.existsSync(block)) {
		// A partition has no queue of its own. What a virtual disk says about itself means nothing.
		const whole = fs.existsSync(`${block}/queue`) ? block : path.join(fs.realpathSync(block), '..');
		kind = path.basename(fs.realpathSync(whole)).startsWith('vd') ? 'virtual disk (virtio)'
			: fs.readFileSync(`${whole}/queue/rotational`, 'utf8').trim() === '1' ? 'rotating disk' : 'SSD';
	}
	return {
		cpu: /model name\s*: (.*)/.exec(cpuinfo)?.[1], cores: (cpuinfo.match(/^processor/gm) ?? []).length,
		memory_gib: Math.round(Number(/MemTotal:\s+(\d+)/.exec(fs.readFileSync('/proc/meminfo', 'utf8'))[1]) / 2 ** 20),
		disk: `${disk[0]}, ${kind}`,
		kernel: said('uname', '-r').trim().replace(/^(\d+\.\d+\.\d+).*/, '$1'),
		nginx: /nginx\/(\S+)/.exec(said('nginx', '-v'))?.[1], sqlite: said('sqlite3', '--version').split(' ')[0], node: process.version,
		compiler: said(process.env.CC || 'cc', '--version').split('\n')[0],
		commit: execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(), date: new Date().toISOString().slice(0, 10),
	};
}
