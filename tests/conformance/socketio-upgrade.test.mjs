// socketio-upgrade.test.mjs: what socketio.test.mjs asks for, by sessions that began with polling and went on to WebSocket.
process.env.CONFORMANCE_TRANSPORT = 'upgrade';
if (!process.env.CONFORMANCE_POLLING)
	await import('./socketio.test.mjs');
