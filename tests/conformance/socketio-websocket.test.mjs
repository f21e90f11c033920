// socketio-websocket.test.mjs: what socketio.test.mjs asks for, over WebSocket from the handshake on.
process.env.CONFORMANCE_TRANSPORT = 'websocket';
if (!process.env.CONFORMANCE_POLLING)
	await import('./socketio.test.mjs');
