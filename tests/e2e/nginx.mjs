// nginx.mjs: an nginx of one's own around the two snippets, for what the development server does not show: a sub-path, an
// installed copy, a daemon that is gone or does not answer.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { child, client, freePort, ms, root, tempDir, until, within } from './harness.mjs';

/** The snippets of the checkout with their capitals filled in. */
export function snippets({ socket, base = '', cors = '', client = path.join(root, 'build/client') }) {
	const read = (name) => fs.readFileSync(path.join(root, 'nginx', `${name}.in`), 'utf8')
		.replaceAll('@SOCKET@', socket).replaceAll('@CORS@', cors).replaceAll('@STATIC@', path.join(root, 'static'))
		.replaceAll('@CLIENT@', client).replaceAll('@BASE@', base);
	return { http: read('longline-http.conf'), server: read('longline.conf'), auth: read('longline-auth.conf'), limits: read('longline-limits.conf') };
}

/**
 * Starts nginx with these snippets; auth.conf and limits.conf beside them are those for names and for numbers. `extra` is
 * more for the server { }; `site(port)` makes other text for the whole of it. Gives a client for it, with url, port, `error()`
 * (its error log) and `stop()`.
 */
export async function nginx(options) {
	for (let attempt = 0; ; attempt++) {
		try {
			return await begin(options);
		} catch (error) {
			// Between looking for a free port and taking it another test may have come first.
			if (attempt === 4 || !/Address already in use/i.test(error.message))
				throw error;
		}
	}
}

async function begin({ http, server, auth = '', limits = '', extra = '', log = 'access_log off;', site, connections = 1024, t }) {
	const folder = tempDir();
	fs.writeFileSync(path.join(folder, 'http.conf'), http);
	fs.writeFileSync(path.join(folder, 'server.conf'), server);
	fs.writeFileSync(path.join(folder, 'auth.conf'), auth);
	fs.writeFileSync(path.join(folder, 'limits.conf'), limits);
	const port = await freePort();
	fs.writeFileSync(path.join(folder, 'site.conf'), site?.(port) ?? `
server {
	listen 127.0.0.1:${port};
	include server.conf;
	${extra}
}
`);
	fs.writeFileSync(path.join(folder, 'nginx.conf'), `
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 1;
events { worker_connections ${connections}; }
pid nginx.pid;
error_log error.log;
http {
	${log}
	client_body_temp_path tmp-body; fastcgi_temp_path tmp-fastcgi; proxy_temp_path tmp-proxy; scgi_temp_path tmp-scgi; uwsgi_temp_path tmp-uwsgi;
	include http.conf;
	include site.conf;
}
`);
	const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
	const proc = child('nginx', ['-e', 'error.log', '-p', `${folder}/`, '-c', 'nginx.conf', '-g', 'daemon off;'], { cwd: folder, env: { PATH } });
	const self = {
		...client(`http://127.0.0.1:${port}`), url: `http://127.0.0.1:${port}`, port, folder,
		error: () => fs.readFileSync(path.join(folder, 'error.log'), 'utf8'),
		async stop() {
			self.agent.destroy();
			if (!proc.done)
				proc.signal('SIGTERM');
			await within(ms(20_000), proc.ended, 'the end of nginx');
		},
	};
	t?.after(() => self.stop());
	await until(async () => {
		if (proc.done)
			throw new Error(`nginx ended: ${proc.output}`);
		const conn = net.connect(port, '127.0.0.1');
		try {
			await once(conn, 'connect');
			return true;
		} catch {
			return false;
		} finally {
			conn.destroy();
		}
	}, { what: 'nginx to listen' });
	return self;
}
