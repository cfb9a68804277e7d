type Call = [command: string, ...values: unknown[]];

interface Wakeline {
  (...call: Call): void;
  q?: Call[]; // made before the script had loaded
  live?: boolean; // this is not the stub
}

interface Window {
  wakeline?: Wakeline;
}

interface Navigator {
  readonly globalPrivacyControl?: boolean;
}
