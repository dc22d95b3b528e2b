//@ts-check
// Where something can be broken, drawn from what runs.

/** @typedef {{ target: string, name: string, is: import('./kinds.js').Is }} Place */

/** @param {import('../../types').Status | null} status @returns {{ title: string, places: Place[] }[]} */
export function places(status) {
  const services = status?.services ?? [];
  const pods = status?.pods ?? [];
  const deployments = [...new Set(pods.map((pod) => pod.deployment).filter(Boolean))].sort();
  const replicas = services.filter((service) => service.type === 'LoadBalancer').flatMap((service) => service.endpoints);
  const names = new Set(pods.map((pod) => pod.name));
  const inside = services.filter((service) => !service.endpoints.some((endpoint) => endpoint.pod !== null && !names.has(endpoint.pod)));
  const hosts = [...new Set((status?.certificates ?? []).flatMap((certificate) => certificate.hosts))].sort();
  /** @type {{ title: string, places: Place[] }[]} */
  const groups = [
    {
      title: 'The way in',
      places: [
        { target: 'ingress', name: 'ingress, all replicas', is: 'ingress' },
        { target: 'load-balancer', name: 'load balancer, the host ports', is: 'load-balancer' },
        ...replicas
          .filter((endpoint) => endpoint.pod !== null && !names.has(endpoint.pod))
          .map((endpoint) => ({ target: String(endpoint.pod), name: `ingress replica ${endpoint.pod}`, is: /** @type {const} */ ('replica') })),
      ],
    },
    { title: 'Services, what goes to their ClusterIPs', places: inside.map(({ name }) => ({ target: name, name: `Service ${name}`, is: 'service' })) },
    { title: 'Deployments', places: deployments.map((name) => ({ target: name, name: `Deployment ${name}`, is: 'deployment' })) },
    { title: 'Pods', places: pods.map(({ name }) => ({ target: name, name, is: 'pod' })) },
    { title: 'Certificates', places: hosts.map((name) => ({ target: name, name, is: 'host' })) },
  ];
  return groups.filter((group) => group.places.length > 0);
}
