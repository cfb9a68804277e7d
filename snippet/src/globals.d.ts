type Call = [command: string, ...values: unknown[]];

interface Wakeline {
  (...call: Call): void;
  q?: Call[] | 0; // made before the script had loaded; 0: this is not the stub, but what took its place
}

interface Window {
  wakeline?: Wakeline;
}

interface Navigator {
  readonly globalPrivacyControl?: boolean;
}
