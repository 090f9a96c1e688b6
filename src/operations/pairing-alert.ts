import type { RateLimits } from '../auth/rate-limits.js';
import type { HealthDetails } from './health-details.js';
import type { Metrics } from './metrics.js';

/** Shows the operator in health and metrics when somebody seems to be guessing pairing codes. */
export function showPairingAlert(limits: RateLimits, details: HealthDetails, metrics: Metrics): void {
  details.add('pairing', {
    isDegraded: async () => (await limits.pairingAlert()).isRaised,
    figures: async () => {
      const { isRaised, wrongCodes } = await limits.pairingAlert();
      return { alert: isRaised, wrong_codes: wrongCodes };
    },
  });
  metrics.addGauges(
    {
      tidemark_pairing_alert: '1: so many wrong pairing codes come in that new ones are longer.',
      tidemark_pairing_wrong_codes: 'Wrong pairing codes in this minute, or since the alert was raised.',
    },
    async () => {
      const { isRaised, wrongCodes } = await limits.pairingAlert();
      return { tidemark_pairing_alert: Number(isRaised), tidemark_pairing_wrong_codes: wrongCodes };
    },
  );
}
