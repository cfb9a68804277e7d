type Call = [command: string, ...values: unknown[]];

interface Wakeline {
  (...call: Call): void;
  q?: Call[] | 0; // made before the script has loaded; 0: not the stub, but its replacement
}

interface Window {
  wakeline?: Wakeline;
}

interface Navigator {
  readonly globalPrivacyControl?: boolean;
}
