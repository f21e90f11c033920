// reference.cjs SOCKET: npm's own Socket.IO server, polling only. POST /send tells its body to everybody, as a message.
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
const io = new Server(server, { transports: ['polling'], serveClient: false, pingInterval: 60_000 });
server.listen({ path: process.argv[2], backlog: 65535 });
