// Shapes shared by the modules. Nothing here exists when the page runs.

/** The parts of an OpenAPI document that the page reads. */
export interface Document {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, any> };
}

export interface Operation {
  operationId: string;
  summary?: string;
  tags: string[];
  security?: object[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: string[];
  additionalProperties?: boolean | Schema;
  allOf?: { oneOf: { required?: string[] }[] }[];
}

/** A method of the API, as the page lists it. */
export interface Method {
  path: string;
  verb: string;
  operation: Operation;
  /** `inventory`. */
  service: string;
  /** `CloudService`. */
  resource: string;
}
