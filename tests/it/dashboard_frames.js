// Runs in the dashboard's view Path: feeds it 200 pods of inventory and 500 requests a second through the
// modules that hear the lab, and measures the time between frames. Its value is a promise of the figures.
(async (seconds) => {
  const [{ hear }, { state }] = await Promise.all([import('/js/live.js'), import('/js/store.js')]);
  const before = state.status;
  const status = structuredClone(before);
  const service = status.services.find(({ name }) => name === 'inventory');
  const others = status.pods.filter(({ deployment }) => deployment !== 'inventory');
  const like = status.pods.find(({ deployment }) => deployment === 'inventory');
  const names = Array.from({ length: 200 }, (_, at) => `inventory-${(at + 46656).toString(36)}x`);
  service.replicas = 200;
  service.endpoints = names.map((pod, at) => ({ pod, address: `127.42.9.${at}:50051`, ready: true, terminating: false, connections: 1 }));
  status.pods = [...others, ...names.map((name) => ({ ...like, name }))];
  const one = (deployment) => others.find((pod) => pod.deployment === deployment).name;
  const [api, store] = [one('console-api-v2'), one('mongodb')];
  const ingress = others.find((pod) => pod.address === null).name;
  hear('status', status);

  let number = 0;
  const hex = () => (++number).toString(16).padStart(32, '0');
  const served = (count) => ({ served: count, failed: count > 3 && number % 7 === 0 ? 1 : 0, latency: [[12 + (number % 9), count]] });
  const tick = () => {
    const flows = Array.from({ length: 125 }, (_, at) => {
      const pod = names[Math.floor(Math.random() * names.length)];
      const edges = [['lb', ingress], [ingress, api], [api, pod], [pod, store]];
      return { trace: hex(), status: at % 25 === 0 ? '502' : '200', duration: 12000, edges };
    });
    const pods = Object.fromEntries([[ingress, served(125)], [api, served(125)], [store, served(140)]]);
    for (const { edges } of flows) pods[edges[2][1]] = served((pods[edges[2][1]]?.served ?? 0) + 1);
    const at = Date.now() * 1000;
    hear('traffic', { at, requests: 125, filmed: 125, pods, flows });
    hear('films', flows.slice(0, 20).map(({ trace, status }) => ({ trace, status, started: at, duration: 12000, name: 'POST /inventory/cloud-service/list', spans: 12 })));
    hear('pins', names.map((pod, id) => ({ id, service: 'inventory', client: `127.42.9.250:${id}`, client_pod: api, cluster_ip: '127.43.0.16:50051', endpoint: `127.42.9.${id}:50051`, pod, selection: { algorithm: 'random', index: id }, candidates: names, drawn_at: at, calls: number + id })));
  };

  const passes = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  tick();
  const feeding = setInterval(tick, 250);
  // Until the dots of the first tick have arrived, so that as many come as go.
  await passes(2500);
  let drawnAnew = 0;
  const looking = new MutationObserver((records) => void (drawnAnew += records.length));
  looking.observe(document.querySelector('.wires'), { subtree: true, childList: true, attributeFilter: ['d'] });
  const { dots: way } = await import('/js/views/path/dots.js');
  const [deltas, dots] = [[], []];
  let last = 0;
  const end = performance.now() + seconds * 1000;
  await new Promise((done) => {
    const frame = (now) => {
      if (last) deltas.push(now - last);
      last = now;
      dots.push(way.size);
      if (now < end) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  clearInterval(feeding);
  looking.disconnect();
  const tiles = document.querySelectorAll('[data-pods="service:inventory"] button').length;
  hear('status', before);
  deltas.sort((a, b) => a - b);
  const at = (share) => Number(deltas[Math.min(deltas.length - 1, Math.floor(deltas.length * share))].toFixed(1));
  return { tiles, drawn: deltas.length, p50: at(0.5), p95: at(0.95), max: at(1), dots: Math.max(...dots), drawnAnew };
})
