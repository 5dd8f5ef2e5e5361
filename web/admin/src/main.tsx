import '../../app/src/style/tokens.css';
import '../../app/src/style/base.css';
import './style/admin.css';
import { render } from 'preact';
import { App } from './App.tsx';

const place = document.getElementById('admin');
if (place !== null) render(<App />, place);
