import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { AccessTokens, IGNORE_TIMES, TOKEN_ALGORITHM, type CheckedToken } from './access-tokens.js';

/** Verifies a request's access token: the signature with the key that its header names, then the claims. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(private readonly tokens: AccessTokens) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      algorithms: [TOKEN_ALGORITHM],
      secretOrKeyProvider: (_request: unknown, token: string, done) => {
        try {
          done(null, tokens.keyFor(token));
        } catch (error) {
          done(error);
        }
      },
      ignoreExpiration: IGNORE_TIMES.ignoreExpiration,
      jsonWebTokenOptions: IGNORE_TIMES,
    });
  }

  /** @throws AppError TOKEN_INVALID, TOKEN_EXPIRED */
  validate(claims: Record<string, unknown>): CheckedToken {
    return this.tokens.read(claims);
  }

  /** Registers this as Passport's `jwt` strategy: Passport keeps one per name, but a process may run several servers. */
  select(): void {
    passport.use(this);
  }
}
