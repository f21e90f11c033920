// clients-polling.test.mjs: what clients.test.mjs asks for, by long-polling alone.
process.env.CLIENTS_TRANSPORT = 'polling';
if (!process.env.CONFORMANCE_POLLING)
	await import('./clients.test.mjs');
