/**
 * Of the Compose Specification what docker-compose.yml uses, in JSON Schema; a key that is not here fails the test until
 * somebody has looked it up: https://github.com/compose-spec/compose-spec/blob/main/05-services.md and 08-configs.md.
 */
const text = { type: 'string', minLength: 1 };
const words = { anyOf: [text, { type: 'array', items: text, minItems: 1 }] };
const duration = { type: 'string', pattern: '^(?:\\d+(?:us|ms|s|m|h))+$' };
const named = (properties: object): object => ({
  type: 'object',
  propertyNames: { pattern: '^[a-zA-Z0-9._-]+$' },
  additionalProperties: properties,
});

const service = {
  type: 'object',
  additionalProperties: false,
  properties: {
    image: { ...text, pattern: '^[a-z0-9][a-z0-9._/-]*(?::[\\w.-]+)?(?:@sha256:[0-9a-f]{64})?$' },
    build: {
      anyOf: [
        text,
        {
          type: 'object',
          additionalProperties: false,
          properties: { context: text, dockerfile: text, target: text, args: named({ type: ['string', 'number'] }) },
        },
      ],
    },
    command: words,
    entrypoint: words,
    environment: {
      anyOf: [
        named({ type: ['string', 'number', 'boolean', 'null'] }),
        { type: 'array', items: { type: 'string', pattern: '^\\w+(?:=|$)' }, uniqueItems: true },
      ],
    },
    volumes: { type: 'array', uniqueItems: true, items: { type: 'string', pattern: '^[^:]+:/[^:]+(?::(?:ro|rw))?$' } },
    configs: {
      type: 'array',
      items: {
        type: 'object',
        required: ['source'],
        additionalProperties: false,
        properties: { source: text, target: text, uid: text, gid: text, mode: { type: ['string', 'number'] } },
      },
    },
    ports: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', pattern: '^(?:[\\d.]+:)?\\d{1,5}:\\d{1,5}(?:/(?:tcp|udp))?$' },
    },
    healthcheck: {
      type: 'object',
      additionalProperties: false,
      properties: {
        test: {
          type: 'array',
          minItems: 2,
          items: [{ enum: ['CMD', 'CMD-SHELL'] }],
          additionalItems: text,
        },
        interval: duration,
        timeout: duration,
        start_period: duration,
        retries: { type: 'integer', minimum: 1 },
        disable: { type: 'boolean' },
      },
    },
    depends_on: {
      anyOf: [
        { type: 'array', items: text, uniqueItems: true },
        named({
          type: 'object',
          required: ['condition'],
          additionalProperties: false,
          properties: {
            condition: { enum: ['service_started', 'service_healthy', 'service_completed_successfully'] },
            restart: { type: 'boolean' },
            required: { type: 'boolean' },
          },
        }),
      ],
    },
    restart: { type: 'string', pattern: '^(?:no|always|unless-stopped|on-failure(?::\\d+)?)$' },
    stop_grace_period: duration,
    user: text,
    read_only: { type: 'boolean' },
  },
};

export const COMPOSE_SCHEMA = {
  type: 'object',
  required: ['services'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]*$' },
    services: named(service),
    configs: named({
      type: 'object',
      additionalProperties: false,
      properties: { content: { type: 'string' }, file: text, environment: text, name: text },
    }),
  },
} as const;
