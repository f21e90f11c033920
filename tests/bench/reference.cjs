// reference.cjs SOCKET TRANSPORT: npm's own Socket.IO server, with one transport. POST /send tells its body to everybody, as a message.
const http = require('node:http');
const { Server } = require('socket.io');

const server = http.createServer((req, res) => {
	let text = '';
	req.setEncoding('utf8');
	req.on('data', (part) => {
		text += part;
	});
	req.on('end', () => {
		if (req.method === 'POST')
			io.emit('chat message', text);
		res.writeHead(req.method === 'POST' ? 201 : 200, { 'Content-Type': 'application/json' });
		res.end('{}\n');
	});
});
const io = new Server(server, { transports: [process.argv[3]], serveClient: false, pingInterval: 60_000 });
// Connections are kept, and closed by nginx, as Longline's are. Node would close them after 6 s of silence; a POST that nginx
// has just sent there meanwhile, and node is too busy to read, would be a 502.
server.keepAliveTimeout = 0;
server.listen({ path: process.argv[2], backlog: 65535 });
