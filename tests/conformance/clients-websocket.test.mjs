// clients-websocket.test.mjs: what clients.test.mjs asks for, over WebSocket alone.
process.env.CLIENTS_TRANSPORT = 'websocket';
if (!process.env.CONFORMANCE_POLLING)
	await import('./clients.test.mjs');
